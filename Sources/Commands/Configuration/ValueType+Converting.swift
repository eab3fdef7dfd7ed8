// From the value that YAML gave to the one that a key's type wants: integers are numbers, `inf` is
// one too, words are compared without case. What cannot be converted without guessing is refused.
import Essentials

extension ValueType {
  /// The value as this type, or nil.
  func converting(_ value: ConfigurationValue) -> ConfigurationValue? {
    switch (self, value) {
    case (.bool, .bool), (.string, .string):
      return value
    case (.path, .string(let text)):
      return text.isEmpty || text.contains("\0") ? nil : .string(text.expandingHome())
    case (.int(let range), .int(let number)):
      return range.contains(number) ? value : nil
    case (.int(let range), .double(let number)):
      // `5e5` is a float to YAML; without a fraction its meaning as an integer is certain.
      guard let whole = Int(exactly: number), range.contains(whole) else { return nil }
      return .int(whole)
    case (.double(let range), .int(let number)):
      return range.contains(Double(number)) ? .double(Double(number)) : nil
    case (.double(let range), .double(let number)):
      return range.contains(number) ? value : nil
    case (.double(let range), .string("inf")):
      return range.contains(.infinity) ? .double(.infinity) : nil
    case (.choice(let words, let synonyms), .string(let given)):
      let word = synonyms[given.uppercased()] ?? given
      return words.first { $0.lowercased() == word.lowercased() }.map { .string($0) }
    default:
      return nil
    }
  }

  /// Whether a value is of the right kind, whatever its range.
  func admits(_ value: ConfigurationValue) -> Bool {
    switch (self, value) {
    case (.bool, .bool), (.string, .string), (.choice, .string), (.list, .list): true
    case (.path, .string): true
    case (.int, .int), (.double, .int), (.double, .double), (.double, .string("inf")): true
    case (.mapOf, .map), (.map, .map), (.component, .map): true
    case (.components, .map), (.components, .list): true
    case (.list(let element, count: nil), let single): element.admits(single)
    case (.int, .double(let number)): Int(exactly: number) != nil
    case (.either(let types), _): types.contains { $0.admits(value) }
    default: false
    }
  }

  /// The keys that a map of this type has, where it may be a map.
  var keys: [KeyDeclaration]? {
    switch self {
    case .map(let keys): keys
    case .either(let types): types.lazy.compactMap(\.keys).first
    default: nil
    }
  }

  /// What kind of component it is, where it is one or several.
  package var role: ComponentRole? {
    switch self {
    case .component(let role), .components(let role): role
    default: nil
    }
  }

  /// How to mend a value of the wrong type, where that is certain.
  func remedy(for value: ConfigurationValue) -> String? {
    switch (self, value) {
    case (.string, .int), (.string, .double), (.string, .bool): "Put it in quotes."
    case (.path, .int), (.path, .double), (.path, .bool): "Put it in quotes."
    // The text itself is not repeated: it may come from the environment and be a secret.
    case (.int, .string(let text)), (.double, .string(let text)), (.bool, .string(let text)):
      switch (self, YAMLScalar.resolve(text)) {
      case (.int, .int), (.double, .int), (.double, .double), (.bool, .bool):
        "Remove the quotes. To read it from an environment variable, write "
          + "${oc.decode:${oc.env:NAME}}."
      default: nil
      }
    case (.int(let range), .int(let number)) where number > range.upperBound:
      "At most \(range.upperBound) is supported."
    case (.either(let types), let value): types.lazy.compactMap { $0.remedy(for: value) }.first
    case (.component, .string(let path)) where path.contains("."),
      (.components, .string(let path)) where path.contains("."):
      "Write the dot path under _component_."
    default: nil
    }
  }
}

extension ConfigurationNode {
  /// The value as a message shows it; only its reference where it came from the environment.
  var shown: String { reference.map { "the string of '\($0)'" } ?? value.shown }
}

extension ConfigurationValue {
  /// The value as a message shows it.
  var shown: String {
    switch self {
    case .string(let text) where text.count > 60: "the string '\(text.prefix(60))...'"
    case .string(let text): "the string '\(text)'"
    case .list where YAMLWriter.inline(self).count <= 60: "the list \(YAMLWriter.inline(self))"
    case .list, .map, .null: kind
    default: YAMLWriter.inline(self)
    }
  }

  /// Equal, with 1 and 1.0 the same and strings of any case the same.
  func means(_ other: ConfigurationValue) -> Bool {
    switch (self, other) {
    case (.int(let a), .double(let b)), (.double(let b), .int(let a)): Double(a) == b
    case (.string(let a), .string(let b)): a.lowercased() == b.lowercased()
    case (.list(let a), .list(let b)):
      a.count == b.count && zip(a, b).allSatisfy { $0.value.means($1.value) }
    case (.map(let a), .map(let b)):
      a.keys == b.keys && a.entries.allSatisfy { b[$0.key]?.value.means($0.node.value) == true }
    // Switches by name are off when all of them are, and on when one is.
    case (.bool(let isOn), .map(let map)):
      map.entries.contains { $0.node.value == .bool(true) } == isOn
        && map.entries.allSatisfy { [.bool(true), .bool(false)].contains($0.node.value) }
    case (.map, .bool): other.means(self)
    default: self == other
    }
  }
}
