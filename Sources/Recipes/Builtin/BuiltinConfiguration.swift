// The configurations that ship with `tune`, by torchtune's names and with its keys and values.
// They are composed from shared fragments: a model, a recipe and what is particular to the pair.

package struct BuiltinConfiguration: Sendable {
  package let name: String
  package let recipe: RecipeName
  /// The YAML that `tune cp` writes.
  package let text: String

  package static let all: [BuiltinConfiguration] = training + afterTraining

  package static func named(_ name: String) -> BuiltinConfiguration? {
    all.first { $0.name == name }
  }

  package static func all(for recipe: RecipeName) -> [BuiltinConfiguration] {
    all.filter { $0.recipe == recipe }
  }

  private static let training: [BuiltinConfiguration] = [
    TrainingFile(.llama3Of8B, "8B_full_single_device", .fullFinetuneSingleDevice) {
      $0.optimizer = .adamW8bit(rate: "1e-5")
      $0.warmupSteps = 100
      $0.stepsInBackward = true
    },
    TrainingFile(.llama32Of1B, "1B_full_single_device", .fullFinetuneSingleDevice) {
      $0.optimizer = .adamW8bit(rate: "2e-5")
      $0.batchSize = 4
      $0.stepsInBackward = true
      $0.checkpointsActivations = false
    },
    TrainingFile(.llama3Of8B, "8B_full", .fullFinetuneDistributed) { $0.shardsEnds = true },
    TrainingFile(.llama31Of8B, "8B_full", .fullFinetuneDistributed) { $0.shardsEnds = true },
    TrainingFile(.llama32Of1B, "1B_full", .fullFinetuneDistributed) {
      ($0.batchSize, $0.accumulationSteps) = (4, 8)
      $0.checkpointsActivations = false
    },
    TrainingFile(.llama32Of3B, "3B_full", .fullFinetuneDistributed) {
      ($0.batchSize, $0.accumulationSteps) = (4, 8)
    },
    TrainingFile(.llama3Of8B, "8B_qat_full", .qatDistributed) { $0.shardsEnds = true },
    TrainingFile(.llama31Of8B, "8B_qat_full", .qatDistributed) { $0.shardsEnds = true },
    TrainingFile(.llama32Of3B, "3B_qat_full", .qatDistributed) {
      ($0.batchSize, $0.accumulationSteps) = (4, 8)
      $0.validationBatchSize = "8"
    },
  ].map(\.configuration)
}
