// Filters of lists and of each of their elements.
import Essentials

extension Jinja.Filters {
  typealias Value = Jinja.Value
  typealias Failure = Jinja.Failure
  typealias Filter = Jinja.Filter

  private static func length(_ name: String) -> Filter {
    { interpreter, value, call in
      _ = try interpreter.bind(call, name, [])
      if let text = value.text { try interpreter.charge(bytes: text.utf8.count) }
      guard let count = interpreter.count(of: value) else {
        throw Failure(message: "object of type '\(value.type)' has no len()")
      }
      return .integer(count)
    }
  }
  private static func standard(_ name: String) -> Filter {
    { interpreter, value, call in
      let values = try interpreter.bind(call, name, ["default_value", "boolean"], required: 0)
      let replacesFalse = try values[1].map { try interpreter.isTrue($0) } ?? false
      if value.isUndefined { return values[0] ?? .string("") }
      if replacesFalse, try !interpreter.isTrue(value) { return values[0] ?? .string("") }
      return value
    }
  }
  private static func extreme(_ name: String, isMaximum: Bool) -> Filter {
    { interpreter, value, call in
      let values = try interpreter.bind(call, name, ["case_sensitive", "attribute"], required: 0)
      let key = try interpreter.sortKey(values[1], isCaseSensitive: values[0])
      var best: (key: Value, value: Value)?
      for element in try interpreter.array(value) {
        let found = try key(element)
        guard let old = best else {
          best = (found, element)
          continue
        }
        let isBetter =
          try isMaximum ? interpreter.isLess(old.key, found) : interpreter.isLess(found, old.key)
        if isBetter { best = (found, element) }
      }
      return best?.value ?? .undefined("No aggregated item, sequence was empty.")
    }
  }

  static let ofLists: [String: Filter] = [
    "length": length("length"),
    "count": length("count"),
    "default": standard("default"),
    "d": standard("d"),
    "min": extreme("min", isMaximum: false),
    "max": extreme("max", isMaximum: true),
    "list": { interpreter, value, call in
      _ = try interpreter.bind(call, "list", [])
      return try interpreter.list(try interpreter.array(value))
    },
    "first": { interpreter, value, call in
      _ = try interpreter.bind(call, "first", [])
      return try interpreter.iterator(over: value).next()
        ?? .undefined("No first item, sequence was empty.")
    },
    "last": { interpreter, value, call in
      _ = try interpreter.bind(call, "last", [])
      if case .iterator = value {
        throw Failure(message: "'generator' object is not reversible", remedy: "Add '| list'.")
      }
      return try interpreter.array(value).last ?? .undefined("No last item, sequence was empty.")
    },
    "reverse": { interpreter, value, call in
      _ = try interpreter.bind(call, "reverse", [])
      if let text = value.text {
        try interpreter.charge(bytes: text.utf8.count)
        return .string(Jinja.Lexer.string(Array(text.unicodeScalars.reversed())[...]))
      }
      let reversed = Array(try interpreter.array(value).reversed())
      if case .iterator = value { return try interpreter.list(reversed) }
      return try interpreter.lazily(reversed)
    },
    "join": { interpreter, value, call in
      let values = try interpreter.bind(call, "join", ["d", "attribute"], required: 0)
      let getter = try interpreter.getter(values[1])
      let separator = try values[0].map { try interpreter.text(of: $0) } ?? ""
      return .string(
        try interpreter.join(value, separator: separator) {
          try interpreter.text(of: try getter($1))
        })
    },
    "items": { interpreter, value, call in
      _ = try interpreter.bind(call, "items", [])
      if value.isUndefined { return try interpreter.lazily([]) }
      guard case .dictionary(let dictionary) = value else {
        throw Failure(message: "Can only get item pairs from a mapping.")
      }
      return try interpreter.lazily(dictionary.entries)
    },
    "dictsort": { try $0.dictsort($1, $2) },
    "sort": { interpreter, value, call in
      let values = try interpreter.bind(
        call, "sort", ["reverse", "case_sensitive", "attribute"], required: 0)
      let isReversed = try values[0].map { try interpreter.isTrue($0) } ?? false
      let attributes =
        values[2]?.text?.split(",", .max, fromEnd: false).map(Value.string) ?? [values[2] ?? .none]
      let keys = try attributes.map {
        try interpreter.sortKey($0, isCaseSensitive: values[1])
      }
      return try interpreter.list(
        try interpreter.sorted(try interpreter.array(value), reversed: isReversed) { element in
          try interpreter.list(try keys.map { try $0(element) })
        })
    },
    "unique": { interpreter, value, call in
      let values = try interpreter.bind(
        call, "unique", ["case_sensitive", "attribute"], required: 0)
      let key = try interpreter.sortKey(values[1], isCaseSensitive: values[0])
      var seen: Set<Jinja.Key> = []
      return try interpreter.lazily(
        try interpreter.array(value).filter {
          seen.insert(try interpreter.hash(try key($0))).inserted
        })
    },
    "batch": { try $0.batch($1, $2) },
    "slice": { try $0.slices($1, $2) },
    "sum": { interpreter, value, call in
      let values = try interpreter.bind(call, "sum", ["attribute", "start"], required: 0)
      let getter = try interpreter.getter(values[0])
      var total = values[1] ?? .integer(0)
      if total.text != nil { throw Failure(message: "sum() can't sum strings") }
      for element in try interpreter.array(value) {
        total = try interpreter.compute(.add, total, try getter(element))
      }
      return total
    },
    "groupby": { try $0.groupby($1, $2) },
    "attr": { interpreter, value, call in
      let name = try interpreter.text(
        try interpreter.bind(call, "attr", ["name"])[0], "the name of an attribute")
      // Unlike '.', it does not look for keys.
      if case .dictionary(let dictionary) = value, dictionary.value(of: name) != nil,
        Jinja.Methods.method(name, of: value) == nil
      {
        return .undefined("'dict object' has no attribute '\(name)'")
      }
      return try interpreter.attribute(name, of: value)
    },
  ]

  static let ofElements: [String: Filter] = [
    "map": { interpreter, value, call in
      let transform = try interpreter.transform(call)
      guard try interpreter.isTrue(value) else { return try interpreter.lazily([]) }
      return try interpreter.lazily(value, call) { try transform($0) }
    },
    "select": { try $0.select($1, $2, keeps: true, attribute: false) },
    "reject": { try $0.select($1, $2, keeps: false, attribute: false) },
    "selectattr": { try $0.select($1, $2, keeps: true, attribute: true) },
    "rejectattr": { try $0.select($1, $2, keeps: false, attribute: true) },
  ]
}

extension Jinja.Interpreter {
  typealias Getter = (Value) throws -> Value

  func lazily(_ items: [Value]) throws -> Value {
    try charge(items.count)
    let depth = 1 + (items.lazy.map(\.depth).max() ?? 0)
    try checkDepth(depth)
    var rest = items[...]
    return .iterator(Jinja.Iterator(depth: depth) { rest.popFirst() })
  }
  /// The elements that `transform` gives, nil for one that is left out.
  fileprivate func lazily(
    _ value: Value, _ call: Call, _ transform: @escaping (Value) throws -> Value?
  ) throws -> Value {
    let source = try iterator(over: value)
    let arguments = call.positional + call.named.map(\.value)
    let depth = 1 + max(value.depth, source.depth, arguments.lazy.map(\.depth).max() ?? 0)
    try checkDepth(depth)
    return .iterator(
      Jinja.Iterator(depth: depth) { [self] in
        try deeper {
          while let element = try source.next() {
            try charge(1)
            if let result = try transform(element) { return result }
          }
          return nil
        }
      })
  }

  /// Reads the attribute with a dotted path; numbers in it are positions.
  func getter(_ attribute: Value?, standard: Value? = nil) throws -> Getter {
    guard let attribute, !attribute.isNone else { return { $0 } }
    let keys: [Value]
    if let text = attribute.text {
      keys = text.split(".", .max, fromEnd: false).map { part in
        let isNumber = !part.isEmpty && part.unicodeScalars.allSatisfy(\.isASCIIDigit)
        return isNumber ? Int(part).map(Value.integer) ?? .string(part) : .string(part)
      }
    } else {
      keys = [.integer(try integer(attribute, "an attribute"))]
    }
    return { [self] value in
      var value = value
      for key in keys {
        value = try item(key, of: value)
        if let standard, value.isUndefined { value = standard }
      }
      return value
    }
  }
  func sortKey(_ attribute: Value?, isCaseSensitive: Value?) throws -> Getter {
    let getter = try getter(attribute)
    if try isCaseSensitive.map({ try isTrue($0) }) ?? false { return getter }
    return { value in
      let key = try getter(value)
      return key.text.map { .string($0.lowercasedLikePython()) } ?? key
    }
  }

  /// Sorted so that equal elements keep their order.
  func sorted<Element>(
    _ elements: [Element], _ isLess: (Element, Element) throws -> Bool
  ) throws -> [Element] {
    try charge(elements.count)
    return try elements.enumerated().sorted { left, right in
      if try isLess(left.element, right.element) { return true }
      if try isLess(right.element, left.element) { return false }
      return left.offset < right.offset
    }.map(\.element)
  }
  fileprivate func sorted(
    _ elements: [Value], reversed: Bool = false, by key: Getter
  ) throws -> [Value] {
    let keyed = try elements.map { (key: try key($0), value: $0) }
    return try sorted(keyed) {
      try reversed ? isLess($1.key, $0.key) : isLess($0.key, $1.key)
    }.map(\.value)
  }

  fileprivate func dictsort(_ value: Value, _ call: Call) throws -> Value {
    let values = try bind(call, "dictsort", ["case_sensitive", "by", "reverse"], required: 0)
    let by = try optionalText(values[1], "what dictsort sorts by") ?? "key"
    guard by == "key" || by == "value" else {
      throw Failure(message: "You can only sort by either \"key\" or \"value\"")
    }
    if case .undefined(let message) = value { throw Failure(message: message) }
    guard case .dictionary(let dictionary) = value else {
      throw Failure(message: "dictsort needs a dictionary, not \(value.type)")
    }
    let key = try sortKey(.integer(by == "key" ? 0 : 1), isCaseSensitive: values[0])
    let isReversed = try values[2].map { try isTrue($0) } ?? false
    return try list(try sorted(dictionary.entries, reversed: isReversed, by: key))
  }

  fileprivate func batch(_ value: Value, _ call: Call) throws -> Value {
    let values = try bind(call, "batch", ["linecount", "fill_with"], required: 1)
    let count = try integer(values[0], "the number of elements in a batch")
    guard count > 0 else { throw Failure(message: "a batch needs at least 1 element") }
    var batches: [[Value]] = []
    for element in try array(value) {
      if batches.last.map({ $0.count < count }) != true { batches.append([]) }
      batches[batches.count - 1].append(element)
    }
    if let fill = values[1], !fill.isNone, var last = batches.popLast() {
      if count > Jinja.Limits.elements { throw tooLarge("makes too long a list") }
      last += [Value](repeating: fill, count: count - last.count)
      batches.append(last)
    }
    return try lazily(try batches.map { try list($0) })
  }

  fileprivate func slices(_ value: Value, _ call: Call) throws -> Value {
    let values = try bind(call, "slice", ["slices", "fill_with"], required: 1)
    let count = try integer(values[0], "the number of slices")
    guard count > 0, count <= Jinja.Limits.elements else {
      throw Failure(message: "the number of slices must be from 1 to \(Jinja.Limits.elements)")
    }
    let elements = try array(value)
    let (size, longer) = elements.count.quotientAndRemainder(dividingBy: count)
    var start = 0
    var slices: [Value] = []
    for position in 0..<count {
      let end = start + size + (position < longer ? 1 : 0)
      var slice = Array(elements[start..<end])
      if let fill = values[1], !fill.isNone, position >= longer { slice.append(fill) }
      slices.append(try list(slice))
      start = end
    }
    return try lazily(slices)
  }

  fileprivate func groupby(_ value: Value, _ call: Call) throws -> Value {
    let values = try bind(
      call, "groupby", ["attribute", "default", "case_sensitive"], required: 1)
    let standard = values[1].flatMap { $0.isNone ? nil : $0 }
    let getter = try getter(values[0], standard: standard)
    let isCaseSensitive = try values[2].map { try isTrue($0) } ?? false
    let key: Getter = { value in
      let key = try getter(value)
      return isCaseSensitive ? key : key.text.map { .string($0.lowercasedLikePython()) } ?? key
    }
    var groups: [(key: Value, values: [Value])] = []
    for element in try sorted(try array(value), by: key) {
      let found = try key(element)
      if let last = groups.last, try equal(last.key, found) {
        groups[groups.count - 1].values.append(element)
      } else {
        groups.append((found, [element]))
      }
    }
    return try list(
      try groups.map { group in
        let elements = try list(group.values)
        let grouper = try getter(group.values[0])
        return .object(try register(Jinja.Group(grouper: grouper, elements: elements)))
      })
  }

  /// What `map` does with each element.
  fileprivate func transform(_ call: Call) throws -> Getter {
    if call.positional.isEmpty, call.named.contains(where: { $0.name == "attribute" }) {
      let values = try bind(
        Call(positional: [], named: call.named), "map", ["attribute", "default"], required: 1)
      return try getter(values[0], standard: values[1].flatMap { $0.isNone ? nil : $0 })
    }
    let name = try text(call.positional.first, "the name of map's filter")
    guard let filter = Jinja.Filters.named[name] else {
      throw Jinja.Filters.unknown(name, line: line)
    }
    let rest = Call(positional: Array(call.positional.dropFirst()), named: call.named)
    return { [self] in try filter(self, $0, rest) }
  }

  fileprivate func select(
    _ value: Value, _ call: Call, keeps: Bool, attribute: Bool
  ) throws -> Value {
    var arguments = call.positional[...]
    var getter: Getter = { $0 }
    if attribute {
      guard let name = arguments.popFirst() else {
        throw Failure(message: "Missing parameter for attribute name")
      }
      getter = try self.getter(name)
    }
    var holds: (Value) throws -> Bool = { [self] in try isTrue($0) }
    if let first = arguments.popFirst() {
      let name = try text(first, "the name of a test")
      guard Jinja.Tests.named[name] != nil else { throw Jinja.Tests.unknown(name, line: line) }
      let rest = Call(positional: Array(arguments), named: call.named)
      holds = { [self] in try test($0, name, rest) }
    }
    guard try isTrue(value) else { return try lazily([]) }
    return try lazily(value, call) { try holds(try getter($0)) == keeps ? $0 : nil }
  }
}

extension Jinja {
  /// What `groupby` gives: a pair whose halves have names.
  final class Group: Object {
    let name = "_GroupTuple"
    var grouper: Value
    var elements: Value
    init(grouper: Value, elements: Value) { (self.grouper, self.elements) = (grouper, elements) }
    func attribute(_ name: String) -> Value? {
      name == "grouper" ? grouper : name == "list" ? elements : nil
    }
    func text(_ interpreter: Interpreter) throws -> String {
      try interpreter.representation(.tuple(List([grouper, elements])))
    }
    func call(_ interpreter: Interpreter, _ call: Call) throws -> Value {
      throw Failure(message: "'_GroupTuple' object is not callable")
    }
    func clear() { (grouper, elements) = (.none, .none) }
  }
}
