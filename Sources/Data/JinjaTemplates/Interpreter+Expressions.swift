// Evaluates expressions.
import Essentials

extension Jinja.Interpreter {
  /// - Parameters:
  ///   - block: the text of a filter block, which the first of its filters gets.
  ///   - caller: what a call block passes to the macro it calls.
  func evaluate(
    _ expression: Jinja.Expression, _ scope: Scope, block: Value? = nil, caller: Value? = nil
  ) throws -> Value {
    try charge(1)
    line = expression.line
    switch expression.kind {
    case .constant(let constant): return Value(constant)
    case .name(let name): return try resolve(name, scope)
    default:
      return try deeper { try evaluateTree(expression, scope, block: block, caller: caller) }
    }
  }

  private func evaluateTree(
    _ expression: Jinja.Expression, _ scope: Scope, block: Value?, caller: Value?
  ) throws -> Value {
    switch expression.kind {
    case .attribute(let value, let name):
      return try attribute(name, of: try evaluate(value, scope))
    case .item(let value, let key): return try item(value, key, scope)
    case .call(let function, let arguments):
      let function = try evaluate(function, scope)
      var call = try evaluate(arguments, scope)
      if let caller { call.named.append(("caller", caller)) }
      line = expression.line
      return try self.call(function, call)
    case .filter(let value, let name, let arguments):
      return try filter(value, name, arguments, scope, block: block, line: expression.line)
    case .test(let value, let name, let arguments):
      let value = try evaluate(value, scope)
      let call = try evaluate(arguments, scope)
      line = expression.line
      return .bool(try test(value, name, call))
    case .and(let left, let right):
      let value = try evaluate(left, scope)
      return try isTrue(value) ? try evaluate(right, scope) : value
    case .or(let left, let right):
      let value = try evaluate(left, scope)
      return try isTrue(value) ? value : try evaluate(right, scope)
    case .not(let value): return .bool(try !isTrue(try evaluate(value, scope)))
    case .conditional(let test, let then, let otherwise):
      if try isTrue(try evaluate(test, scope)) { return try evaluate(then, scope) }
      return try otherwise.map { try evaluate($0, scope) }
        ?? .undefined(
          "the inline if-expression evaluated to false and no else section was defined.")
    case .comparison(let left, let rest): return try compare(left, rest, scope)
    default: return try evaluateOperator(expression, scope)
    }
  }

  private func evaluateOperator(
    _ expression: Jinja.Expression, _ scope: Scope
  ) throws -> Value {
    switch expression.kind {
    case .arithmetic(let arithmetic, let left, let right):
      return try compute(arithmetic, try evaluate(left, scope), try evaluate(right, scope))
    case .concatenation(let parts):
      var text = ""
      for part in parts { try append(try self.text(of: try evaluate(part, scope)), to: &text) }
      return .string(text)
    case .sign(let value, let isNegative):
      return try sign(try evaluate(value, scope), isNegative: isNegative)
    case .list(let values):
      return try list(try values.map { try evaluate($0, scope) })
    case .tuple(let values):
      return try list(try values.map { try evaluate($0, scope) }, isTuple: true)
    case .dictionary(let entries):
      return try dictionary(
        try entries.map { (try evaluate($0.key, scope), try evaluate($0.value, scope)) })
    default: throw Failure(message: "a slice outside a subscript")
    }
  }

  private func compare(
    _ left: Jinja.Expression, _ rest: [(Jinja.Comparison, Jinja.Expression)], _ scope: Scope
  ) throws -> Value {
    var left = try evaluate(left, scope)
    for (comparison, right) in rest {
      let right = try evaluate(right, scope)
      if try !holds(comparison, left, right) { return .bool(false) }
      left = right
    }
    return .bool(true)
  }

  private func filter(
    _ value: Jinja.Expression?, _ name: String, _ arguments: Jinja.Arguments, _ scope: Scope,
    block: Value?, line: Int
  ) throws -> Value {
    guard let filter = Jinja.Filters.named[name] else {
      throw Jinja.Filters.unknown(name, line: line)
    }
    // A block's filters form a chain, whose innermost link has no value.
    let input = try value.map { try evaluate($0, scope, block: block) } ?? block ?? .string("")
    let call = try evaluate(arguments, scope)
    self.line = line
    return try filter(self, input, call)
  }

  private func item(
    _ value: Jinja.Expression, _ key: Jinja.Expression, _ scope: Scope
  ) throws -> Value {
    let container = try evaluate(value, scope)
    guard case .slice(let start, let stop, let step) = key.kind else {
      return try item(try evaluate(key, scope), of: container)
    }
    let bounds = try [start, stop, step].map { try $0.map { try evaluate($0, scope) } }
    return try slice(container, bounds[0], bounds[1], bounds[2])
  }

  private func evaluate(_ arguments: Jinja.Arguments, _ scope: Scope) throws -> Jinja.Call {
    var call = Jinja.Call()
    call.positional = try arguments.positional.map { try evaluate($0, scope) }
    call.named = try arguments.named.map { ($0.name, try evaluate($0.value, scope)) }
    if let list = arguments.list {
      call.positional += try array(try evaluate(list, scope))
    }
    if let dictionary = arguments.dictionary {
      guard case .dictionary(let entries) = try evaluate(dictionary, scope) else {
        throw Failure(message: "what follows '**' is no dictionary")
      }
      for (key, value) in zip(entries.keys, entries.values) {
        guard let name = key.text else { throw Failure(message: "keywords must be strings") }
        if call.named.contains(where: { $0.name.isExactly(name) }) {
          throw Failure(message: "the argument '\(name)' is given twice")
        }
        call.named.append((name, value))
      }
    }
    return call
  }

  func call(_ function: Value, _ call: Jinja.Call) throws -> Value {
    try deeper {
      switch function {
      case .function(let function): return try function.call(self, call)
      case .object(let object): return try object.call(self, call)
      case .undefined(let message): throw Failure(message: message)
      default: throw Failure(message: "'\(function.type)' object is not callable")
      }
    }
  }

  /// The arguments by their names, nil where one was not passed.
  /// - Parameter required: how many of them must be passed.
  func bind(
    _ call: Jinja.Call, _ function: String, _ names: [String], required: Int? = nil
  ) throws -> [Value?] {
    if call.positional.count > names.count {
      throw Failure(
        message: "\(function) takes at most \(names.count) arguments, not \(call.positional.count)")
    }
    var values: [Value?] = call.positional
    values += [Value?](repeating: nil, count: names.count - values.count)
    for (name, value) in call.named {
      guard let position = names.firstIndex(of: name) else {
        throw Failure(message: "\(function) has no argument '\(name)'")
      }
      guard values[position] == nil else {
        throw Failure(message: "\(function) gets the argument '\(name)' twice")
      }
      values[position] = value
    }
    for position in 0..<(required ?? names.count) where values[position] == nil {
      throw Failure(message: "\(function) needs the argument '\(names[position])'")
    }
    return values
  }

  // MARK: Making values, within the bounds

  func list(_ items: [Value], isTuple: Bool = false) throws -> Value {
    try charge(items.count)
    if items.count > Jinja.Limits.elements {
      throw tooLarge("makes a list of more than \(Jinja.Limits.elements) elements")
    }
    let list = Jinja.List(items)
    try checkDepth(list.depth)
    return isTuple ? .tuple(list) : .list(list)
  }
  func checkDepth(_ depth: Int) throws {
    if depth > Jinja.Limits.valueDepth { throw tooLarge("nests lists too deeply") }
  }
  func dictionary(_ entries: [(Value, Value)]) throws -> Value {
    try charge(entries.count * 2)
    let dictionary = Jinja.Dictionary()
    for (key, value) in entries { dictionary.insert(try hash(key), key, value) }
    try checkDepth(dictionary.depth)
    return .dictionary(dictionary)
  }
  func hash(_ value: Value) throws -> Jinja.Key {
    if let key = value.key { return key }
    throw Failure(message: "unhashable type: '\(value.type)'")
  }
  func append(_ more: String, to text: inout String) throws {
    try charge(bytes: more.utf8.count)
    if text.utf8.count + more.utf8.count > Jinja.Limits.text {
      throw tooLarge("makes a text of more than \(Jinja.Limits.text) bytes")
    }
    text += more
  }
  /// A text whose making took work in proportion to its size.
  func string(_ text: String) throws -> Value {
    var checked = ""
    try append(text, to: &checked)
    return .string(checked)
  }
}
