// The components that configurations may name by dot path, found by any of the spellings in use. Paths
// that are known and not supported are refused with a reason.
import Essentials

package struct ComponentTable: Sendable {
  package let all: [ComponentDeclaration]
  package let refused: [RefusedComponent]
  /// Why a path is refused that is in neither list; nil where it is unknown.
  private let reason: @Sendable (_ path: String) -> String?
  private let byPath: [String: ComponentDeclaration]

  package init(
    _ all: [ComponentDeclaration], refused: [RefusedComponent] = [],
    reason: @escaping @Sendable (_ path: String) -> String? = { _ in nil }
  ) {
    self.all = all
    self.refused = refused
    self.reason = reason
    byPath = Dictionary(
      all.flatMap { declaration in
        ([declaration.path] + declaration.aliases).map { ($0, declaration) }
      }, uniquingKeysWith: { first, _ in first })
  }

  enum Lookup {
    case found(ComponentDeclaration)
    case refused(reason: String)
    case otherRole(ComponentRole)
    case unknown(nearest: String?)
  }

  func find(_ path: String, for role: ComponentRole) -> Lookup {
    if let declaration = byPath[path] {
      return declaration.role == role ? .found(declaration) : .otherRole(declaration.role)
    }
    if let refusal = refused.first(where: { $0.paths.contains(path) }) {
      return refusal.role == role ? .refused(reason: refusal.reason) : .otherRole(refusal.role)
    }
    if let reason = reason(path) { return .refused(reason: reason) }
    return .unknown(nearest: nearestName(to: path, among: paths(for: role)))
  }

  /// The canonical paths of a role.
  package func paths(for role: ComponentRole) -> [String] {
    all.filter { $0.role == role }.map(\.path)
  }

  /// What there is of a role, for one who named something else.
  func overview(of role: ComponentRole) -> String {
    let known = paths(for: role)
    return known.count > 16
      ? "docs/configuration.md lists the \(known.count) known."
      : "Known: "
        + known.joined(separator: ", ") + "."
  }
}
