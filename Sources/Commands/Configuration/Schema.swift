// What a configuration may hold, as data: keys, and components with their arguments. The checker, the
// typed reader and the configuration reference all read these declarations, so that no key can be
// documented and unread, or read and undocumented. Which keys and components there are, the catalogue
// says.

import Essentials

/// The type that a key's value must have.
package indirect enum ValueType: Sendable, Equatable {
  case bool
  case int(ClosedRange<Int> = .min ... .max)
  case double(ClosedRange<Double> = -.infinity ... .infinity)
  case string
  /// A string that names a file or a folder: not empty, and a leading `~` is the home folder.
  case path
  /// One of some words, in any case. Synonyms stand for one of them.
  case choice([String], synonyms: [String: String] = [:])
  case list(ValueType, count: Int? = nil)
  /// A map with keys of the user's choosing.
  case mapOf(ValueType)
  case map([KeyDeclaration])
  case component(ComponentRole)
  /// A component, or several as a list.
  case components(ComponentRole)
  /// The first alternative whose kind fits decides.
  case either([ValueType])
}

package struct KeyDeclaration: Sendable, Equatable {
  package enum Presence: Sendable, Equatable {
    case required
    case defaultsTo(ConfigurationValue)
  }

  package let name: String
  package let type: ValueType
  package let presence: Presence
  package let isNullable: Bool
  /// A key of torchtune's that does nothing here: accepted at these values, which change nothing,
  /// and otherwise refused with the reason.
  package let onlyAt: [ConfigurationValue]?
  /// Values of such a key that ask for what is so in any case: accepted, with a warning.
  package let needless: [ConfigurationValue]
  /// What the key does; for a refused one the reason, a full sentence.
  package let summary: String

  /// A key without a default.
  package static func required(_ name: String, _ type: ValueType, _ summary: String) -> Self {
    Self(name, type, .required, isNullable: false, onlyAt: nil, summary)
  }

  package static func optional(
    _ name: String, _ type: ValueType, default value: ConfigurationValue, _ summary: String
  ) -> Self {
    Self(name, type, .defaultsTo(value), isNullable: false, onlyAt: nil, summary)
  }

  /// A key that may be null, and is when it is not given and nothing else is its default.
  package static func nullable(
    _ name: String, _ type: ValueType, default value: ConfigurationValue = .null, _ summary: String
  ) -> Self {
    Self(name, type, .defaultsTo(value), isNullable: true, onlyAt: nil, summary)
  }

  /// A key that must keep the first of `values` or one that means the same.
  package static func fixed(
    _ name: String, at values: [ConfigurationValue], orNeedless needless: [ConfigurationValue] = [],
    because reason: String
  ) -> Self {
    Self(
      name, .string, .defaultsTo(values[0]), isNullable: true, onlyAt: values, needless: needless,
      reason)
  }

  func with(_ presence: Presence, isNullable: Bool, _ summary: String) -> Self {
    Self(name, type, presence, isNullable: isNullable, onlyAt: nil, summary)
  }

  private init(
    _ name: String, _ type: ValueType, _ presence: Presence, isNullable: Bool,
    onlyAt: [ConfigurationValue]?, needless: [ConfigurationValue] = [], _ summary: String
  ) {
    self.name = name
    self.type = type
    self.presence = presence
    self.isNullable = isNullable
    self.onlyAt = onlyAt
    self.needless = needless
    self.summary = summary
  }
}

/// A kind of component: what fills one place of a configuration. The catalogue names them.
package struct ComponentRole: Sendable, Hashable {
  /// In a user's words.
  package let rawValue: String
  package init(_ rawValue: String) { self.rawValue = rawValue }

  var withArticle: String {
    let isVowel = rawValue.first.map { "aeiou".contains($0) } ?? false
    return "\(isVowel ? "an" : "a") \(rawValue)"
  }
}

/// The components of a role that a recipe takes apart, by their canonical dot paths.
package protocol ComponentChoice: RawRepresentable, CaseIterable, Sendable
where RawValue == String {
  static var role: ComponentRole { get }
}

extension Section {
  /// Which component it is.
  package func choice<Choice: ComponentChoice>(_: Choice.Type = Choice.self) -> Choice {
    guard let choice = component.flatMap(Choice.init(rawValue:)) else {
      preconditionFailure("'\(path)' is \(component ?? "no component"), no \(Choice.role.rawValue)")
    }
    return choice
  }
}

package struct ComponentDeclaration: Sendable {
  package let role: ComponentRole
  /// The canonical dot path; recipes see this one whichever alias was written.
  package let path: String
  package let aliases: [String]
  package let arguments: [KeyDeclaration]
  /// What a preset fixes: recipes read these like arguments, and nobody can set them.
  package let preset: [(key: String, value: ConfigurationValue)]
  /// The component that a preset is an instance of; its own path where it is none.
  package let family: String
  package let summary: String

  package init(
    _ role: ComponentRole, _ path: String, aliases: [String] = [], _ summary: String,
    arguments: [KeyDeclaration] = [], preset: [(key: String, value: ConfigurationValue)] = [],
    family: String? = nil
  ) {
    self.role = role
    self.path = path
    self.aliases = aliases
    self.arguments = arguments
    self.preset = preset
    self.family = family ?? path
    self.summary = summary
  }

  package init<Choice: ComponentChoice>(
    _ choice: Choice, aliases: [String] = [], _ summary: String,
    preset: [(key: String, value: ConfigurationValue)] = [],
    @KeyList _ arguments: () -> [KeyDeclaration]
  ) {
    self.init(
      Choice.role, choice.rawValue, aliases: aliases, summary, arguments: arguments(),
      preset: preset)
  }
}

/// A component of torchtune's that is known and not supported.
package struct RefusedComponent: Sendable {
  package let role: ComponentRole
  package let paths: [String]
  /// Why, and what to use instead; a full sentence.
  package let reason: String

  package init(role: ComponentRole, paths: [String], reason: String) {
    self.role = role
    self.paths = paths
    self.reason = reason
  }
}

/// What keys demand of each other.
package struct Exclusion: Sendable {
  package let summary: String
  /// The error, where the configuration breaks the rule.
  package let check: @Sendable (Section) -> TuneError?

  package init(_ summary: String, check: @escaping @Sendable (Section) -> TuneError?) {
    self.summary = summary
    self.check = check
  }
}

extension ValueType {
  /// Of steps, samples, epochs and tokens: the product of any two of them is still a number.
  static let largestCount = Int(Int32.max)
}

extension ValueType: CustomStringConvertible {
  /// The type in a user's words, with its article.
  package var description: String {
    switch self {
    case .bool: return "True or False"
    case .int(let range):
      let most = range.upperBound == Self.largestCount ? Self.largestCount : .max
      return "an integer" + Self.bounds(range, .min, most)
    case .double(let range): return "a number" + Self.bounds(range, -.infinity, .infinity)
    case .string: return "a string"
    case .path: return "a non-empty string"
    case .choice(let words, _): return words.count == 1 ? words[0] : "one of " + list(words)
    case .list(let element, let count):
      return "a list of " + (count.map { "\($0) values, each " } ?? "values, each ")
        + element.description
    case .mapOf(let element): return "a map whose values are each " + element.description
    case .map: return "a map"
    case .component(let role): return "\(role.withArticle) (a map with a _component_)"
    case .components(let role):
      return "\(role.withArticle) (a map with a _component_), or a list of them"
    case .either(let types): return types.map(\.description).joined(separator: " or ")
    }
  }

  private static func bounds<Number: Comparable>(
    _ range: ClosedRange<Number>, _ least: Number, _ most: Number
  ) -> String {
    switch (range.lowerBound == least, range.upperBound == most) {
    case (true, true): ""
    case (false, true): " of at least \(range.lowerBound)"
    case (true, false): " of at most \(range.upperBound)"
    case (false, false): " from \(range.lowerBound) to \(range.upperBound)"
    }
  }

  private func list(_ words: [String]) -> String { words.joined(separator: ", ") }
}
