// Python's operators: truth, equality, order, membership, arithmetic.
import Essentials
import Foundation

extension Jinja.Interpreter {
  func isTrue(_ value: Value) throws -> Bool {
    switch value {
    case .undefined, .none: false
    case .bool(let value): value
    case .integer(let value): value != 0
    case .float(let value): value != 0
    case .string(let text), .markup(let text): !text.isEmpty
    case .list(let list), .tuple(let list): !list.items.isEmpty
    case .dictionary(let dictionary), .view(let dictionary, _): dictionary.count > 0
    case .range(let range): range.count > 0
    // A generator is true, whatever it will yield.
    case .iterator, .function, .object: true
    }
  }

  func equal(_ left: Value, _ right: Value) throws -> Bool {
    try charge(1)
    switch (left, right) {
    case (.undefined, .undefined), (.none, .none): return true
    case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
      guard left.items.count == right.items.count else { return false }
      for (left, right) in zip(left.items, right.items) where try !equal(left, right) {
        return false
      }
      return true
    case (.dictionary(let left), .dictionary(let right)):
      guard left.count == right.count else { return false }
      for (key, value) in zip(left.keys, left.values) {
        guard let other = right.value(of: try hash(key)), try equal(value, other)
        else { return false }
      }
      return true
    case (.range(let left), .range(let right)):
      guard left.count == right.count else { return false }
      return left.count == 0
        || left.start == right.start && (left.count == 1 || left.step == right.step)
    case (.iterator(let left), .iterator(let right)): return left === right
    case (.object(let left), .object(let right)): return left === right
    case (.view(let left, let kind), .view(let right, let other)):
      if kind == .values || other == .values { return left === right && kind == other }
      throw Failure(message: "comparing views of dictionaries is not supported")
    case (.function, .function):
      throw Failure(message: "comparing functions is not supported")
    default:
      if let left = left.text, let right = right.text {
        try charge(bytes: min(left.utf8.count, right.utf8.count))
        return left.isExactly(right)
      }
      if let left = left.integer, let right = right.integer { return left == right }
      if left.number != nil, right.number != nil {
        return Self.isEqual(left, right)
      }
      return false
    }
  }

  /// An integer and a float are compared exactly, as in Python.
  private static func isEqual(_ left: Value, _ right: Value) -> Bool {
    switch (left.integer, right.integer) {
    case (let integer?, nil): right.number.flatMap(Int.init(exactly:)) == integer
    case (nil, let integer?): left.number.flatMap(Int.init(exactly:)) == integer
    default: left.number == right.number
    }
  }
  private static func isLessNumber(_ left: Value, _ right: Value) -> Bool {
    func isInteger(_ integer: Int, below number: Double) -> Bool {
      if number.isNaN { return false }
      return Int(exactly: number.rounded(.up)).map { integer < $0 } ?? (number > 0)
    }
    func isInteger(_ integer: Int, above number: Double) -> Bool {
      if number.isNaN { return false }
      return Int(exactly: number.rounded(.down)).map { integer > $0 } ?? (number < 0)
    }
    switch (left.integer, right.integer) {
    case (let integer?, nil): return isInteger(integer, below: right.number!)
    case (nil, let integer?): return isInteger(integer, above: left.number!)
    default: return left.number! < right.number!
    }
  }

  /// Whether left comes before right.
  func isLess(_ left: Value, _ right: Value, _ sign: String = "<") throws -> Bool {
    try charge(1)
    if let left = left.text, let right = right.text {
      try charge(bytes: min(left.utf8.count, right.utf8.count))
      return left.utf8.lexicographicallyPrecedes(right.utf8)
    }
    if let left = left.integer, let right = right.integer { return left < right }
    if left.number != nil, right.number != nil { return Self.isLessNumber(left, right) }
    switch (left, right) {
    case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
      for (left, right) in zip(left.items, right.items) where try !equal(left, right) {
        return try isLess(left, right, sign)
      }
      return left.items.count < right.items.count
    case (.undefined(let message), _), (_, .undefined(let message)):
      throw Failure(message: message)
    default:
      throw Failure(
        message: "'\(sign)' not supported between instances of '\(left.type)' and '\(right.type)'")
    }
  }

  func holds(_ comparison: Jinja.Comparison, _ left: Value, _ right: Value) throws -> Bool {
    // Nothing is ordered with NaN.
    let isNaN = left.number?.isNaN == true || right.number?.isNaN == true
    switch comparison {
    case .equal: return try equal(left, right)
    case .unequal: return try !equal(left, right)
    case .less: return try isLess(left, right)
    case .greater: return try isLess(right, left, ">")
    case .lessOrEqual: return try !isLess(right, left, "<=") && !isNaN
    case .greaterOrEqual: return try !isLess(left, right, ">=") && !isNaN
    case .isIn: return try contains(right, left)
    case .isNotIn: return try !contains(right, left)
    }
  }

  func contains(_ container: Value, _ value: Value) throws -> Bool {
    switch container {
    case .string(let text), .markup(let text):
      guard let part = value.text else {
        throw Failure(
          message: "'in <string>' requires string as left operand, not \(value.type)")
      }
      try charge(bytes: text.utf8.count)
      return text.firstRange(of: part) != nil
    case .dictionary(let dictionary), .view(let dictionary, .keys):
      return dictionary.value(of: try hash(value)) != nil
    case .range(let range):
      guard let number = value.number, let integer = Int(exactly: number) else { return false }
      guard range.count > 0 else { return false }
      let (offset, overflows) = integer.subtractingReportingOverflow(range.start)
      return !overflows && offset % range.step == 0
        && (0..<range.count).contains(offset / range.step)
    case .list, .tuple, .iterator, .view, .undefined:
      let iterator = try iterator(over: container)
      while let element = try iterator.next() {
        if try equal(element, value) { return true }
      }
      return false
    default: throw Failure(message: "argument of type '\(container.type)' is not iterable")
    }
  }

  func sign(_ value: Value, isNegative: Bool) throws -> Value {
    if case .undefined(let message) = value { throw Failure(message: message) }
    if let integer = value.integer {
      return .integer(isNegative ? try checked(0.subtractingReportingOverflow(integer)) : integer)
    }
    guard let number = value.number else {
      throw Failure(
        message: "bad operand type for unary \(isNegative ? "-" : "+"): '\(value.type)'")
    }
    return .float(isNegative ? -number : number)
  }

  private func checked(_ result: (partialValue: Int, overflow: Bool)) throws -> Int {
    if result.overflow { throw Failure(message: "an integer does not fit into 64 bits") }
    return result.partialValue
  }

  func compute(_ arithmetic: Jinja.Arithmetic, _ left: Value, _ right: Value) throws -> Value {
    if case .undefined(let message) = left { throw Failure(message: message) }
    if arithmetic == .modulo, let format = left.text { return try percent(format, left, right) }
    if case .undefined(let message) = right { throw Failure(message: message) }
    if let left = left.integer, let right = right.integer, arithmetic != .divide {
      return try compute(arithmetic, left, right)
    }
    if let left = left.number, let right = right.number {
      return .float(try compute(arithmetic, left, right))
    }
    if let result = try join(arithmetic, left, right) { return result }
    throw Failure(
      message: "unsupported operand type(s) for \(arithmetic.rawValue): "
        + "'\(left.type)' and '\(right.type)'")
  }

  private func percent(_ format: String, _ left: Value, _ right: Value) throws -> Value {
    if case .markup = left { throw Failure(message: "'%' of safe text is not supported") }
    return try string(try printf(format, right))
  }

  private func compute(
    _ arithmetic: Jinja.Arithmetic, _ left: Int, _ right: Int
  ) throws -> Value {
    switch arithmetic {
    case .add: return .integer(try checked(left.addingReportingOverflow(right)))
    case .subtract: return .integer(try checked(left.subtractingReportingOverflow(right)))
    case .multiply: return .integer(try checked(left.multipliedReportingOverflow(by: right)))
    case .divide: return .float(try compute(.divide, Double(left), Double(right)))
    case .floorDivide, .modulo:
      if right == 0 { throw Failure(message: "integer division or modulo by zero") }
      if right == -1 {
        return .integer(
          arithmetic == .modulo ? 0 : try checked(0.subtractingReportingOverflow(left)))
      }
      let (quotient, rest) = left.quotientAndRemainder(dividingBy: right)
      let rounds = rest != 0 && (rest < 0) != (right < 0)
      if arithmetic == .modulo { return .integer(rounds ? rest + right : rest) }
      return .integer(rounds ? quotient - 1 : quotient)
    case .power:
      if right < 0 { return .float(try compute(.power, Double(left), Double(right))) }
      if left == 1 || right == 0 { return .integer(1) }
      if left == 0 || left == -1 { return .integer(left == 0 ? 0 : right % 2 == 0 ? 1 : -1) }
      var result = 1
      // Two to the 63rd no longer fits, so this ends soon.
      for _ in 0..<right { result = try checked(result.multipliedReportingOverflow(by: left)) }
      return .integer(result)
    }
  }

  private func compute(
    _ arithmetic: Jinja.Arithmetic, _ left: Double, _ right: Double
  ) throws -> Double {
    switch arithmetic {
    case .add: return left + right
    case .subtract: return left - right
    case .multiply: return left * right
    case .power:
      if left == 0, right < 0 {
        throw Failure(message: "0.0 cannot be raised to a negative power")
      }
      if left < 0, right.isFinite, right.rounded() != right {
        throw Failure(message: "complex numbers are not supported")
      }
      let result = pow(left, right)
      if result.isInfinite, left.isFinite, right.isFinite {
        throw Failure(message: "the result of '**' is too large")
      }
      return result
    case .divide, .floorDivide, .modulo:
      if right == 0 { throw Failure(message: "division by zero") }
      if arithmetic == .divide { return left / right }
      var rest = fmod(left, right)
      var quotient = (left - rest) / right
      if rest != 0, (rest < 0) != (right < 0) {
        rest += right
        quotient -= 1
      } else if rest == 0 {
        rest = right.sign == .minus ? -0.0 : 0.0
      }
      if arithmetic == .modulo { return rest }
      if quotient == 0 { return (left / right).sign == .minus ? -0.0 : 0.0 }
      let floored = quotient.rounded(.down)
      return quotient - floored > 0.5 ? floored + 1 : floored
    }
  }

  /// `+` and `*` of texts and lists.
  private func join(
    _ arithmetic: Jinja.Arithmetic, _ left: Value, _ right: Value
  ) throws -> Value? {
    switch (arithmetic, left, right) {
    case (.add, .string(let left), .string(let right)):
      return .string(try joined(left, right))
    case (.add, .markup(let left), _) where right.text != nil:
      return .markup(try joined(left, try escaped(right)))
    case (.add, .string, .markup(let right)):
      return .markup(try joined(try escaped(left), right))
    case (.add, .list(let left), .list(let right)): return try list(left.items + right.items)
    case (.add, .tuple(let left), .tuple(let right)):
      return try list(left.items + right.items, isTuple: true)
    case (.multiply, _, _):
      if let count = right.integer { return try repeated(left, count) }
      if let count = left.integer { return try repeated(right, count) }
      return nil
    default: return nil
    }
  }
  private func joined(_ left: String, _ right: String) throws -> String {
    var text = left
    try charge(bytes: left.utf8.count)
    try append(right, to: &text)
    return text
  }
  private func repeated(_ value: Value, _ count: Int) throws -> Value? {
    let count = max(0, count)
    switch value {
    case .string(let text), .markup(let text):
      let (size, overflows) = text.utf8.count.multipliedReportingOverflow(by: count)
      if overflows || size > Jinja.Limits.text {
        throw tooLarge("makes a text of more than \(Jinja.Limits.text) bytes")
      }
      try charge(bytes: size)
      let result = text.isEmpty ? "" : String(repeating: text, count: count)
      if case .markup = value { return .markup(result) }
      return .string(result)
    case .list(let items), .tuple(let items):
      let (size, overflows) = items.items.count.multipliedReportingOverflow(by: count)
      if overflows || size > Jinja.Limits.elements {
        throw tooLarge("makes a list of more than \(Jinja.Limits.elements) elements")
      }
      var isTuple = false
      if case .tuple = value { isTuple = true }
      let all = items.items.isEmpty ? [] : (0..<count).flatMap { _ in items.items }
      return try list(all, isTuple: isTuple)
    default: return nil
    }
  }
}

extension Jinja.Interpreter {
  /// - Throws: `Failure` for a value that Python cannot iterate over.
  func iterator(over value: Value) throws -> Jinja.Iterator {
    switch value {
    case .undefined: return Jinja.Iterator([])
    case .iterator(let iterator): return iterator
    case .range(let range):
      var index = 0
      return Jinja.Iterator(depth: 0) {
        guard index < range.count else { return nil }
        defer { index += 1 }
        return range.element(index)
      }
    case .string(let text), .markup(let text):
      var rest = text.unicodeScalars[...]
      return Jinja.Iterator(depth: 0) { rest.popFirst().map { .string(String($0)) } }
    default: return Jinja.Iterator(try array(value))
    }
  }

  func array(_ value: Value) throws -> [Value] {
    switch value {
    case .list(let list), .tuple(let list): return list.items
    case .dictionary(let dictionary), .view(let dictionary, .keys): return dictionary.keys
    case .view(let dictionary, .values): return dictionary.values
    case .view(let dictionary, .items):
      try charge(dictionary.count)
      return dictionary.entries
    case .undefined, .iterator, .range, .string, .markup:
      let iterator = try iterator(over: value)
      var values: [Value] = []
      while let element = try iterator.next() {
        try charge(1)
        values.append(element)
        if values.count > Jinja.Limits.elements {
          throw tooLarge("makes a list of more than \(Jinja.Limits.elements) elements")
        }
      }
      return values
    case .object(let group as Jinja.Group): return [group.grouper, group.elements]
    default: throw Failure(message: "'\(value.type)' object is not iterable")
    }
  }

  /// Python's `len`, or nil for what has none.
  func count(of value: Value) -> Int? {
    switch value {
    case .undefined: 0
    case .string(let text), .markup(let text): text.unicodeScalars.count
    case .list(let list), .tuple(let list): list.items.count
    case .dictionary(let dictionary), .view(let dictionary, _): dictionary.count
    case .range(let range): range.count
    default: nil
    }
  }
}
