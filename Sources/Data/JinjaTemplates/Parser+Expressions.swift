// Jinja's expressions, from the weakest operator (the inline `if`) to the strongest.
import Essentials

extension Jinja.Parser {
  typealias Expression = Jinja.Expression

  func node(_ kind: Expression.Kind, _ children: [Expression], line: Int) throws -> Expression {
    let depth = 1 + (children.lazy.map(\.depth).max() ?? 0)
    if depth > Jinja.Limits.treeDepth {
      throw failure("an expression is nested too deeply", line: line)
    }
    return Expression(kind: kind, line: line, depth: depth)
  }

  /// One expression, or several with commas between them, which make a tuple.
  mutating func tuple(
    isConditional: Bool = true, until end: String? = nil, isInParentheses: Bool = false
  ) throws -> Expression {
    let line = token.line
    var values: [Expression] = []
    var isTuple = false
    while !(token.kind == .variableEnd || token.kind == .blockEnd || isSymbol(")")
      || end.map(isName) == true)
    {
      values.append(try isConditional ? expression() : or())
      guard skip(symbol: ",") else { break }
      isTuple = true
    }
    if !isTuple, let first = values.first { return first }
    if values.isEmpty, !isInParentheses {
      throw failure("expected an expression, found \(described)")
    }
    return try node(.tuple(values), values, line: line)
  }

  mutating func expression() throws -> Expression {
    try nested { parser in
      let line = parser.token.line
      let known = parser.unknown.count
      var result = try parser.or()
      while parser.isName("if") {
        // What stands before the `if` is conditional too.
        parser.unknown.removeSubrange(known...)
        let wasConditional = parser.isConditional
        parser.isConditional = true
        defer { parser.isConditional = wasConditional }
        parser.advance()
        let test = try parser.or()
        let otherwise = parser.skip(name: "else") ? try parser.expression() : nil
        result = try parser.node(
          .conditional(test: test, then: result, otherwise: otherwise),
          [test, result] + (otherwise.map { [$0] } ?? []), line: line)
      }
      return result
    }
  }

  mutating func or() throws -> Expression {
    let line = token.line
    var left = try and()
    while skip(name: "or") {
      let right = try and()
      left = try node(.or(left, right), [left, right], line: line)
    }
    return left
  }
  private mutating func and() throws -> Expression {
    let line = token.line
    var left = try not()
    while skip(name: "and") {
      let right = try not()
      left = try node(.and(left, right), [left, right], line: line)
    }
    return left
  }
  private mutating func not() throws -> Expression {
    let line = token.line
    guard skip(name: "not") else { return try comparison() }
    let value = try nested { try $0.not() }
    return try node(.not(value), [value], line: line)
  }

  private mutating func comparison() throws -> Expression {
    let line = token.line
    let left = try sum()
    var rest: [(Jinja.Comparison, Expression)] = []
    while let comparison = comparisonOperator() { rest.append((comparison, try sum())) }
    if rest.isEmpty { return left }
    return try node(.comparison(left, rest), [left] + rest.map(\.1), line: line)
  }
  private mutating func comparisonOperator() -> Jinja.Comparison? {
    switch token.kind {
    case .symbol(let symbol):
      guard let comparison = Jinja.Comparison(rawValue: symbol) else { return nil }
      advance()
      return comparison
    case .name("in"):
      advance()
      return .isIn
    case .name("not"):
      guard position + 1 < tokens.count, tokens[position + 1].kind == .name("in") else {
        return nil
      }
      position += 2
      return .isNotIn
    default: return nil
    }
  }

  /// A chain of operators of equal strength, from the left.
  private mutating func chain(
    _ operators: [Jinja.Arithmetic], _ operand: (inout Self) throws -> Expression
  ) throws -> Expression {
    let line = token.line
    var left = try operand(&self)
    while case .symbol(let symbol) = token.kind,
      let arithmetic = operators.first(where: { $0.rawValue == symbol })
    {
      advance()
      let right = try operand(&self)
      left = try node(.arithmetic(arithmetic, left, right), [left, right], line: line)
    }
    return left
  }
  private mutating func sum() throws -> Expression {
    try chain([.add, .subtract]) { try $0.concatenation() }
  }
  private mutating func concatenation() throws -> Expression {
    let line = token.line
    var parts = [try product()]
    while skip(symbol: "~") { parts.append(try product()) }
    return parts.count == 1 ? parts[0] : try node(.concatenation(parts), parts, line: line)
  }
  private mutating func product() throws -> Expression {
    try chain([.multiply, .divide, .floorDivide, .modulo]) { parser in
      try parser.chain([.power]) { try $0.unary() }
    }
  }

  private mutating func unary(hasFilters: Bool = true) throws -> Expression {
    let line = token.line
    var value: Expression
    if isSymbol("-") || isSymbol("+") {
      let isNegative = isSymbol("-")
      advance()
      let operand = try nested { try $0.unary(hasFilters: false) }
      value = try node(.sign(operand, isNegative: isNegative), [operand], line: line)
    } else {
      value = try primary()
    }
    value = try postfixes(of: value)
    return hasFilters ? try filtersAndTests(of: value) : value
  }

  private mutating func primary() throws -> Expression {
    let line = token.line
    let kind = token.kind
    switch kind {
    case .name(let name):
      advance()
      return try node(named(name), [], line: line)
    case .string(var text):
      advance()
      while case .string(let more) = token.kind {
        text += more
        advance()
      }
      return try node(.constant(.string(text)), [], line: line)
    case .integer(let value):
      advance()
      return try node(.constant(.integer(value)), [], line: line)
    case .float(let value):
      advance()
      return try node(.constant(.float(value)), [], line: line)
    case .symbol("("):
      advance()
      let inner = try tuple(isInParentheses: true)
      try expect(symbol: ")")
      return inner
    case .symbol("["):
      advance()
      let values = try list(until: "]") { try $0.expression() }
      return try node(.list(values), values, line: line)
    case .symbol("{"):
      advance()
      let entries = try list(until: "}") { parser in
        let key = try parser.expression()
        try parser.expect(symbol: ":")
        return (key: key, value: try parser.expression())
      }
      return try node(.dictionary(entries), entries.flatMap { [$0.key, $0.value] }, line: line)
    default: throw failure("unexpected \(described)")
    }
  }
  private mutating func named(_ name: String) -> Expression.Kind {
    switch name {
    case "true", "True": return .constant(.bool(true))
    case "false", "False": return .constant(.bool(false))
    case "none", "None": return .constant(.none)
    default:
      if !namesRead.isEmpty { namesRead[namesRead.count - 1].insert(name) }
      return .name(name)
    }
  }
  private mutating func list<Element>(
    until end: String, _ element: (inout Self) throws -> Element
  ) throws -> [Element] {
    var elements: [Element] = []
    while !isSymbol(end) {
      elements.append(try element(&self))
      if !skip(symbol: ",") { break }
    }
    try expect(symbol: end)
    return elements
  }
}

extension Jinja.Parser {
  fileprivate mutating func postfixes(of value: Expression) throws -> Expression {
    var value = value
    while case .symbol(let symbol) = token.kind {
      let line = token.line
      switch symbol {
      case ".":
        advance()
        if case .integer(let index) = token.kind {
          advance()
          let key = try node(.constant(.integer(index)), [], line: line)
          value = try node(.item(value, key), [value, key], line: line)
        } else {
          value = try node(.attribute(value, identifier()), [value], line: line)
        }
      case "[": value = try item(of: value)
      case "(": value = try call(value)
      default: return value
      }
    }
    return value
  }

  private mutating func item(of value: Expression) throws -> Expression {
    let line = token.line
    advance()
    let keys = try list(until: "]") { try $0.subscriptKey() }
    guard let first = keys.first else { throw failure("a subscript is empty") }
    let key = keys.count == 1 ? first : try node(.tuple(keys), keys, line: line)
    return try node(.item(value, key), [value, key], line: line)
  }

  private mutating func subscriptKey() throws -> Expression {
    let line = token.line
    var parts: [Expression?] = []
    if isSymbol(":") {
      parts.append(nil)
    } else {
      let key = try expression()
      guard isSymbol(":") else { return key }
      parts.append(key)
    }
    while parts.count < 3 {
      guard skip(symbol: ":") else {
        parts.append(nil)
        continue
      }
      let isEmpty = isSymbol(":") || isSymbol("]") || isSymbol(",")
      parts.append(isEmpty ? nil : try expression())
    }
    return try node(
      .slice(parts[0], parts[1], parts[2]), parts.compactMap(\.self), line: line)
  }

  private mutating func call(_ function: Expression) throws -> Expression {
    let line = token.line
    let arguments = try self.arguments()
    return try node(.call(function, arguments), [function] + arguments.all, line: line)
  }

  private mutating func arguments() throws -> Jinja.Arguments {
    try expect(symbol: "(")
    var arguments = Jinja.Arguments()
    while !isSymbol(")") {
      if isSymbol("**"), arguments.dictionary == nil {
        advance()
        arguments.dictionary = try expression()
      } else if arguments.dictionary != nil {
        throw failure("an argument follows '**'")
      } else if isSymbol("*"), arguments.list == nil {
        advance()
        arguments.list = try expression()
      } else if case .name(let name) = token.kind, position + 1 < tokens.count,
        tokens[position + 1].kind == .symbol("=")
      {
        if arguments.named.contains(where: { $0.name == name }) {
          throw failure("the argument '\(name)' is given twice")
        }
        position += 2
        arguments.named.append((name, try expression()))
      } else {
        guard arguments.list == nil, arguments.named.isEmpty else {
          throw failure("an argument without a name follows one with a name")
        }
        arguments.positional.append(try expression())
      }
      if !skip(symbol: ",") { break }
    }
    try expect(symbol: ")")
    return arguments
  }

  private mutating func filtersAndTests(of value: Expression) throws -> Expression {
    var value = value
    while true {
      if isSymbol("|") {
        value = try filters(of: value)
      } else if isName("is") {
        value = try test(of: value)
      } else if isSymbol("(") {
        value = try call(value)
      } else {
        return value
      }
    }
  }

  private mutating func dottedName() throws -> String {
    var name = try identifier()
    while skip(symbol: ".") { name += try "." + identifier() }
    return name
  }

  /// `|name(arguments)`, as often as it comes. Without a value, a block's filters.
  mutating func filters(of value: Expression?, startsInline: Bool = false) throws -> Expression {
    var value = value
    var startsInline = startsInline
    while isSymbol("|") || startsInline {
      if !startsInline { advance() }
      startsInline = false
      let line = token.line
      let name = try dottedName()
      if !isConditional, Jinja.Filters.named[name] == nil {
        unknown.append(Jinja.Filters.unknown(name, line: line))
      }
      let arguments = try isSymbol("(") ? self.arguments() : .none
      value = try node(
        .filter(value, name, arguments), (value.map { [$0] } ?? []) + arguments.all, line: line)
    }
    return value!
  }

  private mutating func test(of value: Expression) throws -> Expression {
    let line = token.line
    advance()
    let isNegated = skip(name: "not")
    let name = try dottedName()
    if !isConditional, Jinja.Tests.named[name] == nil {
      unknown.append(Jinja.Tests.unknown(name, line: line))
    }
    var arguments = Jinja.Arguments()
    switch token.kind {
    case .symbol("("): arguments = try self.arguments()
    case .name("else"), .name("or"), .name("and"): break
    case .name("is"): throw failure("tests with 'is' cannot be chained")
    case .name, .string, .integer, .float, .symbol("["), .symbol("{"):
      let operand = try primary()
      arguments.positional = [try postfixes(of: operand)]
    default: break
    }
    let test = try node(.test(value, name, arguments), [value] + arguments.all, line: line)
    return isNegated ? try node(.not(test), [test], line: line) : test
  }
}
