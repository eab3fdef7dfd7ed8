// The schema as text: what `tune run <recipe> --help` prints. Generated, so that it cannot differ
// from what is checked.
import Configuration

extension RecipeDeclaration {
  /// Every key with its type, default and meaning, then the rules between keys.
  package var reference: String {
    let shown = keys.filter { $0.onlyAt == nil }
    let fixed = keys.filter { $0.onlyAt != nil }
    var lines = ["\(summary).", "", "KEYS:"]
    for key in shown { lines += key.lines(indent: 2, components) }
    lines += ["", "ACCEPTED FOR COMPATIBILITY (only at this value):"]
    lines += fixed.map { "  \($0.name): \(YAMLWriter.inline($0.defaultValue))  \($0.summary)" }
    lines += ["", "RULES:"]
    lines += exclusions.map { "  - \($0.summary)" }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The components that this recipe takes in a role.
  package func components(of role: ComponentRole) -> [ComponentDeclaration] {
    switch role {
    case .model: name.trainsAdapters ? Components.adapterModels : Components.models
    case .quantizer where name != .quantize:
      Components.quantizers.filter { QuantizerChoice(rawValue: $0.path)?.isQAT == name.isQAT }
    default: Components.all.filter { $0.role == role }
    }
  }
}

extension KeyDeclaration {
  fileprivate func lines(
    indent: Int, _ components: (ComponentRole) -> [ComponentDeclaration]
  ) -> [String] {
    let margin = String(repeating: " ", count: indent)
    var lines = [
      "\(margin)\(name)  (\(type.shortName)\(presenceText))", "\(margin)    \(summary).",
    ]
    if case .map(let keys) = type {
      lines += keys.flatMap { $0.lines(indent: indent + 4, components) }
    }
    if let role = type.role { lines += components(role).map { "\(margin)    - \($0.path)" } }
    return lines
  }

  var presenceText: String {
    switch presence {
    case .required: ", required"
    case .defaultsTo(let value): ", default \(YAMLWriter.inline(value))"
    }
  }
}

extension ValueType {
  var shortName: String {
    switch self {
    case .bool: "bool"
    case .int: "int"
    case .double: "float"
    case .string, .path: "string"
    case .choice(let words, _): words.joined(separator: " | ")
    case .list(let element, _): "list of \(element.shortName)"
    case .mapOf(let element): "map of \(element.shortName)"
    case .map: "map"
    case .component: "component"
    case .components: "component or list of components"
    case .either(let types): types.map(\.shortName).joined(separator: " or ")
    }
  }
}
