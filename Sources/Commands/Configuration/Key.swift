// A key of a configuration, declared once: recipes' and components' schemas are lists of these constants,
// and `section[key]` reads the value as the type that the key was declared with.

package struct Key<Value>: Sendable {
  package let declaration: KeyDeclaration
  let read: @Sendable (Section) -> Value

  package var name: String { declaration.name }

  /// A key without a default.
  package static func required(_ name: String, _ type: KeyType<Value>, _ summary: String) -> Self {
    Self(declaration: .required(name, type.type, summary)) { $0.value(of: name, as: type) }
  }

  package static func optional(
    _ name: String, _ type: KeyType<Value>, default value: ConfigurationValue, _ summary: String
  ) -> Self {
    Self(declaration: .optional(name, type.type, default: value, summary)) {
      $0.value(of: name, as: type)
    }
  }

  /// A key that may be null, and is when it is not given and nothing else is its default.
  package static func nullable<Wrapped>(
    _ name: String, _ type: KeyType<Wrapped>, default value: ConfigurationValue = .null,
    _ summary: String
  ) -> Self where Value == Wrapped? {
    Self(declaration: .nullable(name, type.type, default: value, summary)) {
      $0.isNull(name) ? nil : $0.value(of: name, as: type)
    }
  }
}

/// A type of the schema with the Swift type that its values are read as.
package struct KeyType<Value>: Sendable {
  let type: ValueType
  /// The value of a key of a section, which is not null; nil only where the schema let another type through.
  let convert: @Sendable (Section, _ key: String, ConfigurationValue) -> Value?

  init(
    _ type: ValueType,
    _ convert: @escaping @Sendable (Section, _ key: String, ConfigurationValue) -> Value?
  ) {
    self.type = type
    self.convert = convert
  }
}

extension KeyType where Value == Bool {
  package static var bool: Self { Self(.bool) { $2.bool } }
}
extension KeyType where Value == Int {
  package static func int(_ range: ClosedRange<Int> = .min ... .max) -> Self {
    Self(.int(range)) { $2.int }
  }
  /// At least 1.
  package static var count: Self { .int(1...ValueType.largestCount) }
  /// At least 0.
  package static var countOrNone: Self { .int(0...ValueType.largestCount) }
}
extension KeyType where Value == Double {
  package static func double(_ range: ClosedRange<Double> = -.infinity ... .infinity) -> Self {
    Self(.double(range)) { $2.double }
  }
}
extension KeyType where Value == String {
  package static var string: Self { Self(.string) { $2.string } }
  package static var path: Self { Self(.path) { $2.string } }
  package static func choice(_ words: [String], synonyms: [String: String] = [:]) -> Self {
    Self(.choice(words, synonyms: synonyms)) { $2.string }
  }
}
extension KeyType where Value == Section {
  package static func component(_ role: ComponentRole) -> Self {
    Self(.component(role)) { section, key, _ in section.sections[key] }
  }
  package static func map(@KeyList _ keys: () -> [KeyDeclaration]) -> Self {
    Self(.map(keys())) { section, key, _ in section.sections[key] }
  }
}
extension KeyType where Value == [Section] {
  /// One component or a list of them.
  package static func components(_ role: ComponentRole) -> Self {
    Self(.components(role)) { section, key, _ in section.lists[key] }
  }
}
extension KeyType {
  package static func list<Element>(_ element: KeyType<Element>, count: Int? = nil) -> Self
  where Value == [Element] {
    Self(.list(element.type, count: count)) { section, key, value in
      guard case .list(let list) = value else { return nil }
      let elements = list.compactMap { element.convert(section, key, $0.value) }
      return elements.count == list.count ? elements : nil
    }
  }
  /// With keys of the user's choosing.
  package static func mapOf<Element>(_ element: KeyType<Element>) -> Self
  where Value == [String: Element] {
    Self(.mapOf(element.type)) { section, key, value in
      guard let map = value.map else { return nil }
      var values: [String: Element] = [:]
      for entry in map.entries {
        values[entry.key] = element.convert(section, key, entry.node.value)
      }
      return values.count == map.entries.count ? values : nil
    }
  }
  /// One type or the other, both read as the same.
  package static func either(_ one: Self, _ other: Self) -> Self {
    Self(.either([one.type, other.type])) {
      one.convert($0, $1, $2) ?? other.convert($0, $1, $2)
    }
  }
  package func read<Other>(as convert: @escaping @Sendable (Value) -> Other) -> KeyType<Other> {
    let read = self.convert
    return KeyType<Other>(type) { read($0, $1, $2).map(convert) }
  }
}

// The same key is declared differently where it has another default, or none.
extension Key {
  package func required(_ summary: String? = nil) -> KeyDeclaration {
    declaration.with(.required, isNullable: false, summary ?? declaration.summary)
  }
  /// With another meaning.
  package func declared(_ summary: String) -> KeyDeclaration {
    declaration.with(declaration.presence, isNullable: declaration.isNullable, summary)
  }
  package func defaulting(to value: ConfigurationValue, _ summary: String? = nil) -> KeyDeclaration
  {
    declaration.with(
      .defaultsTo(value), isNullable: declaration.isNullable,
      summary ?? declaration.summary)
  }
}

/// The keys of a recipe or component, one a line.
@resultBuilder package enum KeyList {
  package static func buildExpression<Value>(_ key: Key<Value>) -> [KeyDeclaration] {
    [key.declaration]
  }
  package static func buildExpression(_ key: KeyDeclaration) -> [KeyDeclaration] { [key] }
  package static func buildExpression(_ keys: [KeyDeclaration]) -> [KeyDeclaration] { keys }
  package static func buildBlock(_ parts: [KeyDeclaration]...) -> [KeyDeclaration] {
    parts.flatMap(\.self)
  }
}

extension ConfigurationValue {
  var bool: Bool? { if case .bool(let flag) = self { flag } else { nil } }
  var int: Int? { if case .int(let number) = self { number } else { nil } }
  var double: Double? { if case .double(let number) = self { number } else { nil } }
}
