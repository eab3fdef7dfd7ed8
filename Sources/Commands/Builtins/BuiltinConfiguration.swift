// The configurations that ship with `tune`, by torchtune's names and with its keys and values.
// They are composed from shared fragments: a model, a recipe and what is particular to the pair.
import Catalog

package struct BuiltinConfiguration: Sendable {
  package let name: String
  package let recipe: RecipeName
  /// The YAML that `tune cp` writes.
  package let text: String

  package static let all: [BuiltinConfiguration] =
    (full + adapters + quantizationAware).map(\.configuration) + afterTraining + anyModel

  package static func named(_ name: String) -> BuiltinConfiguration? {
    all.first { $0.name == name }
  }

  package static func all(for recipe: RecipeName) -> [BuiltinConfiguration] {
    all.filter { $0.recipe == recipe }
  }

  private static let full: [TrainingFile] =
    [
      TrainingFile(.llama2Of7B, .fullFinetuneSingleDevice, variant: "full_low_memory") {
        $0.optimizer = .pagedAdamW(rate: "1e-5")
        $0.warmupSteps = 100
        $0.offloadsActivations = true
      },
      TrainingFile(.llama3Of8B, .fullFinetuneSingleDevice) {
        $0.optimizer = .pagedAdamW8bit(rate: "1e-5")
        $0.warmupSteps = 100
      },
      TrainingFile(.llama31Of8B, .fullFinetuneSingleDevice),
      TrainingFile(.llama32Of1B, .fullFinetuneSingleDevice) { $0.checkpointsActivations = false },
      TrainingFile(.llama32Of3B, .fullFinetuneSingleDevice),
      TrainingFile(.smallQwen25, .fullFinetuneSingleDevice) {
        $0.optimizer = .pagedAdamW(rate: "2e-5")
        $0.batchSize = 4
      },
      TrainingFile(.middleQwen25, .fullFinetuneSingleDevice) {
        $0.optimizer = .pagedAdamW(rate: "5e-6")
      },
      TrainingFile(.tinyQwen3, .fullFinetuneSingleDevice) {
        $0.optimizer = .adamW(rate: "2e-5")
        $0.stepsInBackward = false
        $0.accumulationSteps = 8
        $0.checkpointsActivations = false
      },
      TrainingFile(.smallQwen3, .fullFinetuneSingleDevice) {
        $0.optimizer = .adamW(rate: "2e-5")
        $0.stepsInBackward = false
        $0.batchSize = 4
        $0.checkpointsActivations = false
      },
      TrainingFile(.middleQwen3, .fullFinetuneSingleDevice) {
        $0.optimizer = .adamW(rate: "2e-5")
        $0.stepsInBackward = false
      },
      TrainingFile(.largeQwen3, .fullFinetuneSingleDevice) {
        $0.optimizer = .pagedAdamW(rate: "5e-6")
      },

      TrainingFile(.llama2Of7B, .fullFinetuneDistributed),
      TrainingFile(.llama3Of8B, .fullFinetuneDistributed) { $0.shardsEnds = true },
      TrainingFile(.llama31Of8B, .fullFinetuneDistributed) { $0.shardsEnds = true },
      TrainingFile(.llama32Of1B, .fullFinetuneDistributed) {
        $0.accumulationSteps = 8
        $0.checkpointsActivations = false
      },
      TrainingFile(.llama32Of3B, .fullFinetuneDistributed) { $0.accumulationSteps = 8 },
      TrainingFile(.smallQwen25, .fullFinetuneDistributed),
      TrainingFile(.middleQwen25, .fullFinetuneDistributed) {
        $0.optimizer = .adamW(rate: "5e-6")
        $0.accumulationSteps = 8
      },
    ] + qwen3(.fullFinetuneDistributed)

  /// Qwen 3 as a whole, sharded over processes, with and without quantization.
  private static func qwen3(_ recipe: RecipeName) -> [TrainingFile] {
    [
      TrainingFile(.tinyQwen3, recipe) {
        $0.accumulationSteps = 8
        $0.checkpointsActivations = false
      },
      TrainingFile(.smallQwen3, recipe) { $0.checkpointsActivations = false },
    ]
      + [.middleQwen3, .largeQwen3].map { model in
        TrainingFile(model, recipe) {
          $0.optimizer = .adamW(rate: "5e-6")
          $0.accumulationSteps = 8
        }
      }
  }

  private static let withAdapters: [BuiltinModel] = [
    .llama2Of7B, .llama3Of8B, .llama31Of8B, .llama32Of1B, .llama32Of3B, .smallQwen25,
    .middleQwen25, .tinyQwen3, .smallQwen3, .middleQwen3, .largeQwen3,
  ]

  private static let adapters: [TrainingFile] =
    withAdapters.map { TrainingFile($0, .loraFinetuneSingleDevice) }
    + (withAdapters + [.hugeQwen3]).map { TrainingFile($0, .loraFinetuneDistributed) }

  private static let quantizationAware: [TrainingFile] =
    [
      TrainingFile(.llama2Of7B, .qatDistributed),
      TrainingFile(.llama3Of8B, .qatDistributed) { $0.shardsEnds = true },
      TrainingFile(.llama31Of8B, .qatDistributed) { $0.shardsEnds = true },
      TrainingFile(.llama32Of3B, .qatDistributed) {
        $0.accumulationSteps = 8
        $0.validationBatchSize = "8"
      },
    ] + qwen3(.qatDistributed) + [
      TrainingFile(.tinyLlama, .qatSingleDevice) { $0.batchSize = 1 },
      TrainingFile(.smallQwen25, .qatSingleDevice) { $0.batchSize = 1 },
      // torchtune's file names the folder of the full fine-tune.
      TrainingFile(.middleQwen25, .qatSingleDevice) { $0.outputFolder = "full_single_device" },
    ]
    + [
      BuiltinModel.llama3Of8B, .llama31Of8B, .llama32Of1B, .llama32Of3B, .tinyQwen3, .smallQwen3,
      .middleQwen3, .largeQwen3, .hugeQwen3,
    ].map { TrainingFile($0, .qatLoraFinetuneDistributed) }
}
