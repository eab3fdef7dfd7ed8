// The recipes by the names that `tune run` takes.

package enum RecipeName: String, CaseIterable, Sendable {
  case fullFinetuneSingleDevice = "full_finetune_single_device"
  case fullFinetuneDistributed = "full_finetune_distributed"
  case qatSingleDevice = "qat_single_device"
  case qatDistributed = "qat_distributed"
  case quantize
  case eleutherEval = "eleuther_eval"
  case generate

  /// Whether it may run as several processes.
  package var isDistributed: Bool { self == .fullFinetuneDistributed || self == .qatDistributed }

  package var isQAT: Bool { self == .qatSingleDevice || self == .qatDistributed }

  package var isTraining: Bool {
    isQAT || self == .fullFinetuneDistributed || self == .fullFinetuneSingleDevice
  }
}
