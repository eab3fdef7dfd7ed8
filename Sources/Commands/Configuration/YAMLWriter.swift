// A configuration tree back to YAML text, in the layout that PyYAML's `dump` gives `tune cat`: four
// columns a level, list items under their key, strings quoted only where they would read as
// something else. Yams writes; which scalars need quotes is ours to say, as what they mean is.
import Yams

package enum YAMLWriter {
  package static func text(of map: ConfigurationMap, sorted: Bool = false) -> String {
    serialized(node(map), sorted: sorted)
  }

  /// One value on one line, for messages.
  package static func inline(_ value: ConfigurationValue) -> String {
    switch value {
    case .list, .map:
      let list = Node.sequence(Node.Sequence([node(value)], .implicit, .flow))
      return String(serialized(list).dropFirst().dropLast(2))
    default:
      // As it stands after a key, where fewer characters need quotes than in a list.
      let map = Node.mapping(Node.Mapping([(plain("k"), node(value))], .implicit, .block))
      return String(serialized(map).dropFirst("k: ".count).dropLast())
    }
  }

  private static func serialized(_ node: Node, sorted: Bool = false) -> String {
    do {
      return try serialize(node: node, indent: 4, width: -1, allowUnicode: true, sortKeys: sorted)
    } catch {
      preconditionFailure("a configuration that Yams cannot write: \(error)")
    }
  }

  private static func node(_ map: ConfigurationMap) -> Node {
    .mapping(
      Node.Mapping(
        map.entries.map { (node(.string($0.key)), node($0.node)) }, .implicit, .any))
  }

  private static func node(_ node: ConfigurationNode) -> Node {
    self.node(node.reference.map(ConfigurationValue.string) ?? node.value)
  }

  private static func node(_ value: ConfigurationValue) -> Node {
    switch value {
    case .null: plain("null")
    case .bool(let flag): plain(flag ? "true" : "false")
    case .int(let number): plain(String(number))
    case .double(let number): plain(text(of: number))
    case .string(let string): .scalar(Node.Scalar(string, .implicit, style(of: string)))
    case .list(let list): .sequence(Node.Sequence(list.map { node($0) }, .implicit, .any))
    case .map(let map): node(map)
    }
  }

  private static func plain(_ text: String) -> Node {
    .scalar(Node.Scalar(text, .implicit, .plain))
  }

  /// Quotes for a string that would read as something else; Yams knows the rest of the rules.
  private static func style(of string: String) -> Node.Scalar.Style {
    if string.unicodeScalars.contains(where: isBreak) { return .doubleQuoted }
    let isText = YAMLScalar.resolve(string) == .string(string) && string != "=" && string != "<<"
    return isText ? .any : .singleQuoted
  }

  /// What lines in quotes would be folded at, and other characters that nobody sees.
  private static func isBreak(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value < 32 || scalar.value == 127 || [0x85, 0x2028, 0x2029].contains(scalar.value)
  }

  /// The shortest text that reads back as the same number: `2e-5`, not `2e-05`.
  private static func text(of number: Double) -> String {
    if number.isNaN { return ".nan" }
    if number.isInfinite { return number < 0 ? "-.inf" : ".inf" }
    let parts = String(number).split(separator: "e")
    guard parts.count == 2, let exponent = Int(parts[1]) else { return String(number) }
    let mantissa = parts[0].hasSuffix(".0") ? parts[0].dropLast(2) : parts[0]
    return "\(mantissa)e\(exponent)"
  }
}
