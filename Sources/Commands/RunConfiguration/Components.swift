// The components that configurations name by dot path, ours and torchtune's, found by any of the
// spellings in use. Dot paths of torchtune that we know and do not support are refused with a
// reason.
import Essentials

package enum Components {
  package static let all: [ComponentDeclaration] =
    models + adapterModels + tokenizers + datasets + optimizers + schedules + losses + quantizers
    + checkpointers
    + metricLoggers + profilers

  package static let refused: [RefusedComponent] =
    refusedDatasets + refusedOptimizers + refusedQuantizers + refusedCheckpointers
    + refusedMetricLoggers

  enum Lookup {
    case found(ComponentDeclaration)
    case refused(reason: String)
    case otherRole(ComponentRole)
    case unknown(nearest: String?)
  }

  static func find(_ path: String, for role: ComponentRole) -> Lookup {
    if let declaration = byPath[path] {
      return declaration.role == role ? .found(declaration) : .otherRole(declaration.role)
    }
    if let refusal = refused.first(where: { $0.paths.contains(path) }) {
      return refusal.role == role ? .refused(reason: refusal.reason) : .otherRole(refusal.role)
    }
    if let reason = refusedModelReason(path) { return .refused(reason: reason) }
    return .unknown(nearest: nearestName(to: path, among: paths(for: role)))
  }

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

  /// The canonical paths of a role.
  static func paths(for role: ComponentRole) -> [String] {
    all.filter { $0.role == role }.map(\.path)
  }

  /// What there is of a role, for one who named something else.
  static func overview(of role: ComponentRole) -> String {
    let known = paths(for: role)
    return known.count > 16
      ? "docs/configuration.md lists the \(known.count) known."
      : "Known: "
        + known.joined(separator: ", ") + "."
  }

  private static let byPath: [String: ComponentDeclaration] = Dictionary(
    all.flatMap { declaration in
      ([declaration.path] + declaration.aliases).map { ($0, declaration) }
    }, uniquingKeysWith: { first, _ in first })

  /// `name` in each of the modules that have exported it.
  static func spellings(_ name: String, in modules: [String]) -> [String] {
    modules.map { $0 + "." + name }
  }
}
