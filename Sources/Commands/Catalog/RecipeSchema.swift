// Which keys every recipe has. The training recipes share all keys but those of QAT and of adapters.
import Configuration

package struct RecipeDeclaration: Sendable {
  package let name: RecipeName
  package let summary: String
  package let keys: [KeyDeclaration]
  package let exclusions: [Exclusion]
}

package enum RecipeSchema {
  package static func declaration(of recipe: RecipeName) -> RecipeDeclaration {
    let keys =
      switch recipe {
      case .qatDistributed, .qatSingleDevice:
        quantizationAware + training + [Keys.trainable.declaration]
      case .qatLoraFinetuneDistributed:
        [qatQuantizer, TorchtuneOnly.noDelay] + training + adapters
      case .fullFinetuneDistributed, .fullFinetuneSingleDevice:
        training + [Keys.trainable.declaration]
      case .loraFinetuneDistributed, .loraFinetuneSingleDevice: training + adapters
      case .quantize: quantize
      case .eleutherEval: evaluation
      case .generate: generation
      }
    return RecipeDeclaration(
      name: recipe, summary: summary(of: recipe), keys: common + keys,
      exclusions: Exclusions.all(for: recipe))
  }

  private static func summary(of recipe: RecipeName) -> String {
    switch recipe {
    case .fullFinetuneSingleDevice: "Fine-tune all weights in one process"
    case .fullFinetuneDistributed: "Fine-tune all weights, sharded over processes"
    case .qatSingleDevice: "Quantization-aware fine-tuning in one process"
    case .qatDistributed: "Quantization-aware fine-tuning, sharded over processes"
    case .loraFinetuneSingleDevice: "Fine-tune adapters in one process"
    case .loraFinetuneDistributed: "Fine-tune adapters, sharded over processes"
    case .qatLoraFinetuneDistributed:
      "Quantization-aware fine-tuning of adapters, sharded over processes"
    case .quantize: "Quantize a checkpoint and write it packed"
    case .eleutherEval: "Measure a model on tasks of lm-evaluation-harness"
    case .generate: "Generate text from a prompt"
    }
  }

  @KeyList private static var common: [KeyDeclaration] {
    Keys.outputFolder
    Keys.model
    Keys.checkpointer
    Keys.device
    Keys.dtype
    Keys.seed
    Keys.logLevel
    TorchtuneOnly.deterministicMode
  }

  private static let qatQuantizer = Keys.quantizer.required("The quantization scheme to train for")

  @KeyList private static var quantizationAware: [KeyDeclaration] {
    qatQuantizer
    Keys.fakeQuantizationDelay
  }

  @KeyList static var training: [KeyDeclaration] {
    Keys.tokenizer
    Keys.dataset
    Keys.validationDataset
    Keys.validationInterval
    Keys.validationBatchSize
    Keys.shuffle
    Keys.batchSize

    Keys.epochs
    Keys.maximumStepsPerEpoch
    Keys.accumulation
    Keys.optimizer
    Keys.schedule
    Keys.loss
    Keys.clipNorm
    Keys.skippableSteps
    Keys.stepsInBackward
    Keys.resumes
    Keys.saveInterval
    Keys.savesOnInterrupt
    Keys.savesAsynchronously

    Keys.checkpointsActivations
    Keys.offloadsActivations
    Keys.offloadsShards

    Keys.metricLogger
    Keys.logInterval
    Keys.logsPeakMemory
    Keys.profiler
    TorchtuneOnly.training
  }

  @KeyList private static var adapters: [KeyDeclaration] {
    Keys.savesAdaptersOnly
    TorchtuneOnly.lowMemoryReading
  }

  @KeyList private static var quantize: [KeyDeclaration] {
    Keys.quantizer.required("The scheme to convert to; QAT quantizers also work")
    Keys.exports
  }

  @KeyList private static var evaluation: [KeyDeclaration] {
    Keys.tokenizer
    Keys.quantizer
    Keys.tasks
    Keys.limit
    Keys.windowLength
    Keys.batchSize.defaulting(to: 8, "Windows per batch")
    Keys.usesCache.declared(
      "Use a KV cache for generation; no supported task generates text")
    Keys.textFiles
    Keys.textFile
    Keys.taskData
    TorchtuneOnly.evaluation
  }

  @KeyList private static var generation: [KeyDeclaration] {
    Keys.tokenizer
    Keys.quantizer
    Keys.prompt
    Keys.maximumNewTokens
    Keys.temperature
    Keys.topK
    Keys.usesCache
  }
}
