// The values of a running template. Lists and dictionaries never change, as the sandbox refuses every
// method that would change them; only a namespace can. Each container knows how deep it is, so that
// nothing that walks through values recurses without bound.
import Essentials

extension Jinja {
  enum Value {
    /// Python's message for its use.
    case undefined(String)
    case none
    case bool(Bool)
    case integer(Int)
    case float(Double)
    case string(String)
    /// Text that needs no HTML escapes, as `safe` and `escape` make it.
    case markup(String)
    case list(List)
    case tuple(List)
    case dictionary(Dictionary)
    case view(Dictionary, View)
    case range(Range)
    /// What map, select and their like give: values that are computed once, when they are asked for.
    case iterator(Iterator)
    case function(Function)
    case object(any Object)
  }
  enum View: String { case keys, values, items }

  final class List {
    let items: [Value]
    let depth: Int
    init(_ items: [Value]) {
      self.items = items
      depth = 1 + (items.lazy.map(\.depth).max() ?? 0)
    }
  }

  /// Keys in their order. A dictionary with few keys is searched from its start.
  final class Dictionary {
    private(set) var keys: [Value] = []
    private(set) var values: [Value] = []
    private var positions: [Key: Int] = [:]
    private(set) var depth = 1
    private static let linearLimit = 8

    init() {}
    init(_ entries: some Sequence<(Key, Value, Value)>) {
      for (hash, key, value) in entries { insert(hash, key, value) }
    }
    convenience init(named entries: some Sequence<(String, Value)>) {
      self.init(entries.lazy.map { (Key.text(Text($0.0)), .string($0.0), $0.1) })
    }
    var count: Int { keys.count }

    func insert(_ hash: Key, _ key: Value, _ value: Value) {
      depth = max(depth, 1 + max(key.depth, value.depth))
      if let found = position(of: hash) {
        values[found] = value
        return
      }
      keys.append(key)
      values.append(value)
      if keys.count == Self.linearLimit + 1 {
        for (position, key) in keys.enumerated() { positions[key.key!] = position }
      } else if keys.count > Self.linearLimit {
        positions[hash] = keys.count - 1
      }
    }
    private func position(of key: Key) -> Int? {
      keys.count > Self.linearLimit ? positions[key] : keys.firstIndex { $0.key == key }
    }
    func value(of key: Key) -> Value? { position(of: key).map { values[$0] } }
    func value(of name: String) -> Value? {
      if keys.count > Self.linearLimit { return positions[.text(Text(name))].map { values[$0] } }
      for (position, key) in keys.enumerated() {
        if let text = key.text, text.isExactly(name) { return values[position] }
      }
      return nil
    }
    var entries: [Value] {
      zip(keys, values).map { .tuple(List([$0, $1])) }
    }
  }

  /// A string that equals only its own bytes: Swift's equality is wider than Python's.
  struct Text: Hashable {
    let string: String
    init(_ string: String) { self.string = string }
    static func == (left: Text, right: Text) -> Bool { left.string.isExactly(right.string) }
    func hash(into hasher: inout Hasher) {
      var string = string
      string.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
  }
  /// What a dictionary finds a value by: equal numbers are one key, as in Python.
  enum Key: Hashable {
    case none
    case integer(Int)
    case float(Double)
    case text(Text)
    case tuple([Key])
  }

  struct Range {
    let start: Int, stop: Int, step: Int
    var count: Int {
      if step > 0 { return start < stop ? (stop - start - 1) / step + 1 : 0 }
      return start > stop ? (start - stop - 1) / -step + 1 : 0
    }
    func element(_ index: Int) -> Value { .integer(start + index * step) }
  }

  final class Iterator {
    private var produce: (() throws -> Value?)?
    let depth: Int
    init(depth: Int, _ produce: @escaping () throws -> Value?) {
      self.depth = depth
      self.produce = produce
    }
    convenience init(_ items: [Value]) {
      var rest = items[...]
      self.init(depth: 0) { rest.popFirst() }
    }
    func next() throws -> Value? {
      guard let value = try produce?() else {
        produce = nil
        return nil
      }
      return value
    }
    func clear() { produce = nil }
  }

  struct Function {
    let name: String
    /// One more than that of the value that it is a method of.
    let depth: Int
    let call: (Interpreter, Call) throws -> Value
    init(
      name: String, depth: Int = 0, _ call: @escaping (Interpreter, Call) throws -> Value
    ) {
      (self.name, self.depth, self.call) = (name, depth, call)
    }
  }
  /// The arguments of a call.
  struct Call {
    var positional: [Value] = []
    var named: [(name: String, value: Value)] = []
  }
  /// A value with a state: namespaces, macros, loops.
  protocol Object: AnyObject {
    var name: String { get }
    /// How Python prints it.
    func text(_ interpreter: Interpreter) throws -> String
    func attribute(_ name: String) throws -> Value?
    func call(_ interpreter: Interpreter, _ call: Call) throws -> Value
    /// Lets go of what it holds. Objects may hold each other in a ring or a long chain.
    func clear()
  }
}

extension Jinja.Value {
  typealias Key = Jinja.Key

  /// How deeply lists hold each other below it. Objects count as flat: their text does not recurse.
  var depth: Int {
    switch self {
    case .list(let list), .tuple(let list): list.depth
    case .dictionary(let dictionary), .view(let dictionary, _): dictionary.depth
    case .iterator(let iterator): iterator.depth
    case .function(let function): function.depth
    default: 0
    }
  }
  var text: String? {
    switch self {
    case .string(let text), .markup(let text): text
    default: nil
    }
  }
  var isUndefined: Bool { if case .undefined = self { true } else { false } }
  var isNone: Bool { if case .none = self { true } else { false } }
  /// Booleans are integers, as in Python.
  var integer: Int? {
    switch self {
    case .integer(let value): value
    case .bool(let value): value ? 1 : 0
    default: nil
    }
  }
  var number: Double? {
    if case .float(let value) = self { return value }
    return integer.map(Double.init)
  }

  /// nil for what Python cannot hash.
  var key: Key? {
    switch self {
    case .none: return Key.none
    case .bool, .integer: return .integer(integer!)
    case .float(let value): return Int(exactly: value).map(Key.integer) ?? .float(value)
    case .string(let text), .markup(let text): return .text(Jinja.Text(text))
    case .tuple(let list):
      var keys: [Key] = []
      for item in list.items {
        guard let key = item.key else { return nil }
        keys.append(key)
      }
      return .tuple(keys)
    default: return nil
    }
  }

  /// The name of its type in Python, for messages.
  var type: String {
    switch self {
    case .undefined: "Undefined"
    case .none: "NoneType"
    case .bool: "bool"
    case .integer: "int"
    case .float: "float"
    case .string: "str"
    case .markup: "Markup"
    case .list: "list"
    case .tuple: "tuple"
    case .dictionary: "dict"
    case .view(_, let view): "dict_\(view.rawValue)"
    case .range: "range"
    case .iterator: "generator"
    case .function: "function"
    case .object(let object): object.name
    }
  }

  init(_ constant: Jinja.Constant) {
    switch constant {
    case .none: self = .none
    case .bool(let value): self = .bool(value)
    case .integer(let value): self = .integer(value)
    case .float(let value): self = .float(value)
    case .string(let value): self = .string(value)
    }
  }

  init(_ json: JSON, depth: Int = 0) throws {
    if depth > Jinja.Limits.valueDepth {
      throw Jinja.Failure(message: "the variables are nested too deeply", code: .data)
    }
    switch json {
    case .null: self = .none
    case .bool(let value): self = .bool(value)
    case .integer(let value): self = .integer(value)
    case .number(let value): self = .float(value)
    case .string(let value): self = .string(value)
    case .array(let elements):
      self = .list(Jinja.List(try elements.map { try Self($0, depth: depth + 1) }))
    case .object(let object):
      self = .dictionary(
        Jinja.Dictionary(
          named: try object.map { ($0.key, try Self($0.value, depth: depth + 1)) }))
    }
  }
}

extension String {
  /// Whether both have the same bytes.
  func isExactly(_ other: String) -> Bool {
    utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8)
  }
}
