// Attributes, subscripts and slices. As in Jinja, `value.name` looks for a method first and then for
// a key, `value['name']` the other way round, and what is missing is undefined.
import Essentials

extension Jinja.Interpreter {
  func attribute(_ name: String, of value: Value) throws -> Value {
    if case .undefined(let message) = value { throw Failure(message: message) }
    if let found = try method(name, of: value) { return found }
    if case .dictionary(let dictionary) = value, let found = dictionary.value(of: name) {
      return found
    }
    return missing(name, of: value)
  }

  func item(_ key: Value, of container: Value) throws -> Value {
    if case .undefined(let message) = container { throw Failure(message: message) }
    switch (container, key) {
    case (.dictionary(let dictionary), _):
      if let found = key.key.flatMap({ dictionary.value(of: $0) }) { return found }
    case (.list(let list), _), (.tuple(let list), _):
      if let index = key.integer, let place = Self.place(index, list.items.count) {
        return list.items[place]
      }
    case (.string(let text), _), (.markup(let text), _):
      if let index = key.integer, let scalar = try scalar(index, of: text) {
        return .string(String(scalar))
      }
    case (.range(let range), _):
      if let index = key.integer, let place = Self.place(index, range.count) {
        return range.element(place)
      }
    case (.object(let group as Jinja.Group), _):
      if let index = key.integer, let place = Self.place(index, 2) {
        return place == 0 ? group.grouper : group.elements
      }
    default: break
    }
    if let name = key.text {
      if let found = try method(name, of: container) { return found }
      return missing(name, of: container)
    }
    return .undefined(
      "\(Self.described(container)) has no element \(try representation(key))")
  }

  private static func place(_ index: Int, _ count: Int) -> Int? {
    if index >= 0 { return index < count ? index : nil }
    return index >= -count ? index + count : nil
  }

  private func scalar(_ index: Int, of text: String) throws -> Unicode.Scalar? {
    let scalars = text.unicodeScalars
    try charge(
      bytes: min(index.magnitude < Int.max / 4 ? abs(index) * 4 : Int.max, text.utf8.count))
    let place =
      index >= 0
      ? scalars.index(scalars.startIndex, offsetBy: index, limitedBy: scalars.endIndex)
      : scalars.index(scalars.endIndex, offsetBy: index, limitedBy: scalars.startIndex)
    guard let place, place < scalars.endIndex else { return nil }
    return scalars[place]
  }

  private static func described(_ value: Value) -> String {
    value.isNone ? "None" : "\(value.type) object"
  }
  private func missing(_ name: String, of value: Value) -> Value {
    .undefined("'\(Self.described(value))' has no attribute '\(name)'")
  }

  /// What Python's getattr finds. Methods that change a value are refused at their use, as in the
  /// sandbox.
  private func method(_ name: String, of value: Value) throws -> Value? {
    if case .object(let object) = value {
      if let found = try object.attribute(name) { return found }
    }
    if name.hasPrefix("__") { return .undefined("access to attribute '\(name)' is unsafe") }
    let mutating: Set<String>
    switch value {
    case .list:
      mutating = ["append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"]
    case .dictionary: mutating = ["clear", "pop", "popitem", "setdefault", "update"]
    default: mutating = []
    }
    if mutating.contains(name) {
      return .undefined(
        "access to attribute '\(name)' of '\(value.type)' object is unsafe: "
          + "a template cannot change lists and dictionaries")
    }
    return Jinja.Methods.method(name, of: value)
  }

  func slice(_ value: Value, _ start: Value?, _ stop: Value?, _ step: Value?) throws -> Value {
    if case .undefined(let message) = value { throw Failure(message: message) }
    func bound(_ value: Value?) throws -> Int? {
      guard let value, !value.isNone else { return nil }
      if case .undefined(let message) = value { throw Failure(message: message) }
      if let integer = value.integer { return integer }
      throw Failure(message: "slice indices must be integers or None, not \(value.type)")
    }
    let bounds = try (bound(start), bound(stop), bound(step) ?? 1)
    if bounds.2 == 0 { throw Failure(message: "slice step cannot be zero") }
    switch value {
    case .list(let list): return try self.list(Self.slice(list.items, bounds))
    case .tuple(let list): return try self.list(Self.slice(list.items, bounds), isTuple: true)
    case .string(let text): return .string(try slice(text, bounds))
    case .markup(let text): return .markup(try slice(text, bounds))
    case .range(let range):
      let places = Self.places(range.count, bounds)
      let first = range.start + places.start * range.step
      return .range(
        Jinja.Range(
          start: first, stop: first + places.count * places.step * range.step,
          step: places.step * range.step))
    default: throw Failure(message: "'\(value.type)' object cannot be sliced")
    }
  }

  private func slice(_ text: String, _ bounds: (Int?, Int?, Int)) throws -> String {
    try charge(bytes: text.utf8.count)
    let scalars = Array(text.unicodeScalars)
    return Jinja.Lexer.string(Self.slice(scalars, bounds)[...])
  }
  private static func slice<Element>(
    _ elements: [Element], _ bounds: (Int?, Int?, Int)
  ) -> [Element] {
    let places = places(elements.count, bounds)
    return (0..<places.count).map { elements[places.start + $0 * places.step] }
  }
  /// The first place of a slice, and how many follow each other by how much.
  private static func places(
    _ count: Int, _ bounds: (start: Int?, stop: Int?, step: Int)
  ) -> (start: Int, count: Int, step: Int) {
    // Longer steps than the list hit one element at most.
    let step = max(-count - 1, min(count + 1, bounds.step))
    func place(_ bound: Int?, _ standard: Int) -> Int {
      guard let bound else { return standard }
      let place = bound < 0 ? max(bound, -count - 1) + count : min(bound, count)
      return step < 0 ? min(max(place, -1), count - 1) : max(place, 0)
    }
    let start = place(bounds.start, step < 0 ? count - 1 : 0)
    let stop = place(bounds.stop, step < 0 ? -1 : count)
    return (start, Jinja.Range(start: start, stop: stop, step: step).count, step)
  }
}
