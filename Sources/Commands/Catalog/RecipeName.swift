// The recipes by the names that `tune run` takes, in the order in which `tune ls` shows them.
import Essentials

package enum RecipeName: String, CaseIterable, Sendable {
  case fullFinetuneSingleDevice = "full_finetune_single_device"
  case fullFinetuneDistributed = "full_finetune_distributed"
  case loraFinetuneSingleDevice = "lora_finetune_single_device"
  case loraFinetuneDistributed = "lora_finetune_distributed"
  case generate
  case eleutherEval = "eleuther_eval"
  case quantize
  case qatDistributed = "qat_distributed"
  case qatSingleDevice = "qat_single_device"
  case qatLoraFinetuneDistributed = "qat_lora_finetune_distributed"

  /// Whether it may run as several processes.
  package var isDistributed: Bool {
    switch self {
    case .fullFinetuneDistributed, .loraFinetuneDistributed, .qatDistributed,
      .qatLoraFinetuneDistributed:
      true
    case .fullFinetuneSingleDevice, .loraFinetuneSingleDevice, .qatSingleDevice, .generate,
      .eleutherEval, .quantize:
      false
    }
  }

  package var isQAT: Bool {
    self == .qatSingleDevice || self == .qatDistributed || self == .qatLoraFinetuneDistributed
  }

  /// Whether it trains adapters instead of all weights.
  package var trainsAdapters: Bool {
    self == .loraFinetuneSingleDevice || self == .loraFinetuneDistributed
      || self == .qatLoraFinetuneDistributed
  }

  package var isTraining: Bool {
    isQAT || trainsAdapters || self == .fullFinetuneDistributed || self == .fullFinetuneSingleDevice
  }
}

extension RecipeName {
  /// Why a recipe whose configurations are known cannot run.
  package var refusal: TuneError? {
    guard trainsAdapters else { return nil }
    return TuneError(
      .unsupported, "\(rawValue): training LoRA adapters is not supported yet",
      remedy: "\(isQAT ? "qat_distributed" : "full_finetune_distributed") trains all weights.")
  }
}
