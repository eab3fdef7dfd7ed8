// The components that configurations name by dot path, ours and torchtune's, and the dot paths of
// torchtune that we know and do not support.
import Configuration

package enum Components {
  package static let all: [ComponentDeclaration] =
    models + adapterModels + tokenizers + datasets + optimizers + schedules + losses + quantizers
    + checkpointers
    + metricLoggers + profilers

  package static let refused: [RefusedComponent] =
    refusedDatasets + refusedOptimizers + refusedQuantizers + refusedCheckpointers
    + refusedMetricLoggers

  package static let table = ComponentTable(all, refused: refused, reason: refusedModelReason)

  /// torchtune has more model families than can be listed builder by builder.
  private static func refusedModelReason(_ path: String) -> String? {
    guard path.hasPrefix("torchtune.models.") else { return nil }
    let names = path.split(separator: ".")
    let family = names.count > 2 ? String(names[2]) : ""
    if names.count > 3, names[3].contains("_moe") {
      return "Mixtures of experts are not among the models here."
    }
    return otherFamilies.contains(family)
      ? "The models here are Llama 2, 3, 3.1, 3.2 and 3.3, Qwen 2, 2.5 and 3." : nil
  }

  private static let otherFamilies: Set<String> = [
    "code_llama2", "llama3_2_vision", "llama4", "mistral", "gemma", "gemma2", "phi3", "phi4",
    "t5", "clip", "flux",
  ]

  /// `name` in each of the modules that have exported it.
  static func spellings(_ name: String, in modules: [String]) -> [String] {
    modules.map { $0 + "." + name }
  }
}

extension ComponentRole {
  package static let model = ComponentRole("model")
  package static let tokenizer = ComponentRole("tokenizer")
  package static let dataset = ComponentRole("dataset")
  package static let optimizer = ComponentRole("optimizer")
  package static let quantizer = ComponentRole("quantizer")
  package static let loss = ComponentRole("loss")
  package static let checkpointer = ComponentRole("checkpointer")
  package static let learningRateSchedule = ComponentRole("learning rate schedule")
  package static let metricLogger = ComponentRole("metric logger")
  package static let profiler = ComponentRole("profiler")

  /// In the order in which the reference has them.
  package static let all: [ComponentRole] = [
    .model, .tokenizer, .dataset, .optimizer, .quantizer, .loss, .checkpointer,
    .learningRateSchedule, .metricLogger, .profiler,
  ]
}
