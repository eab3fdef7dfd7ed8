// The header fields of a request or an answer: names compare without case, and may come repeatedly.

struct HeaderFields: Sendable, ExpressibleByDictionaryLiteral {
  private(set) var fields: [(name: String, value: String)] = []

  init() {}
  init(dictionaryLiteral elements: (String, String)...) {
    fields = elements.map { (name: $0.0, value: $0.1) }
  }

  mutating func add(name: String, value: String) { fields.append((name, value)) }
  mutating func replaceOrAdd(name: String, value: String) {
    fields.removeAll { $0.name.lowercased() == name.lowercased() }
    add(name: name, value: value)
  }
  /// All values of a name, in their order.
  subscript(name: String) -> [String] {
    fields.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
  }
  func first(name: String) -> String? { self[name].first }
}
