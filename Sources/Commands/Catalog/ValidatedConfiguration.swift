// From a composed configuration to one that a recipe can rely on: every key, type and rule is checked. It
// stops before any weight or dataset is read.
import Configuration
import Essentials
import Foundation

package struct ValidatedConfiguration: Sendable {
  package let recipe: RecipeName
  package let root: Section
  /// Keys that are accepted and do nothing: warnings.
  package let remarks: [TuneError]
  /// As composed from file and overrides, interpolations resolved; without defaults.
  private let composed: ConfigurationMap

  package init(recipe: RecipeName, _ configuration: ComposedConfiguration) throws {
    let composed = configuration.map
    let declaration = RecipeSchema.declaration(of: recipe)
    let origin = composed.entries.first?.keyOrigin.beginningOfFile ?? .schema
    var checker = SchemaChecker(Components.table)
    let root = checker.check(
      composed, keys: declaration.keys, origin: origin, owner: recipe.rawValue)
    // The rules read values by type, so they wait until the types are right.
    let problems =
      checker.problems.isEmpty
      ? declaration.exclusions.compactMap { $0.check(root) } : checker.problems
    if let problem = TuneError(configurationProblems: problems) { throw problem }
    self.recipe = recipe
    self.root = root
    self.remarks = checker.remarks
    self.composed = composed
  }

  /// Every value of the composed configuration as text, by its dotted key.
  /// - Parameter keepingReferences: leaves values of the environment as the references to them.
  package func values(keepingReferences: Bool = false) -> [String: String] {
    var values: [String: String] = [:]
    func add(_ map: ConfigurationMap, _ prefix: String) {
      for entry in map.entries {
        let kept = keepingReferences ? entry.node.reference : nil
        add(kept.map { .string($0) } ?? entry.node.value, prefix + entry.key)
      }
    }
    func add(_ value: ConfigurationValue, _ key: String) {
      switch value {
      case .map(let map): add(map, key + ".")
      case .list(let list) where list.contains { $0.value.map != nil }:
        for (index, node) in list.enumerated() { add(node.value, key + ".\(index)") }
      default: values[key] = YAMLWriter.inline(value)
      }
    }
    add(composed, "")
    return values
  }

  /// The configuration as it takes effect, to keep beside what it made.
  package func yaml(sorted: Bool = false) -> String {
    YAMLWriter.text(of: composed, sorted: sorted)
  }
}

extension ConfigurationOrigin {
  fileprivate var beginningOfFile: ConfigurationOrigin {
    if case .file(let file, _) = self { .file(file, line: 1) } else { self }
  }
}

extension TuneError {
  /// One error for all problems of a configuration, nil when there are none.
  init?(configurationProblems problems: [TuneError]) {
    guard let first = problems.first else { return nil }
    self = first
    guard problems.count > 1 else { return }
    self.init(
      .configuration,
      "\(problems.count) problems in the configuration\n"
        + problems.map(\.description).joined(separator: "\n"))
  }
}
