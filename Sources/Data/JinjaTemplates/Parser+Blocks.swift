// The blocks of a template one by one.
import Essentials

extension Jinja.Parser {
  typealias Kind = Jinja.Statement.Kind

  mutating func loop() throws -> Kind {
    let target = try self.target(until: "in")
    try expect(name: "in")
    let values = try tuple(isConditional: false, until: "recursive")
    let test = skip(name: "if") ? try expression() : nil
    let isRecursive = skip(name: "recursive")
    let saved = (isInLoop, isConditional, isCollected)
    (isInLoop, isConditional) = (true, false)
    if isRecursive { isCollected = true }
    var (body, end) = try enclosed(until: "endfor", "else")
    isInLoop = saved.0
    var otherwise: [Jinja.Statement] = []
    if end == "else" { (otherwise, end) = try enclosed(until: "endfor") }
    (isInLoop, isConditional, isCollected) = saved
    return .loop(
      Jinja.Loop(
        target: target, values: values, test: test, isRecursive: isRecursive, body: body,
        otherwise: otherwise))
  }

  mutating func condition() throws -> Kind {
    let wasConditional = isConditional
    defer { isConditional = wasConditional }
    isConditional = true
    var branches: [(test: Jinja.Expression, body: [Jinja.Statement])] = []
    while true {
      let test = try tuple(isConditional: false)
      let (body, end) = try enclosed(until: "elif", "else", "endif")
      branches.append((test, body))
      if end == "elif" { continue }
      let otherwise = end == "else" ? try enclosed(until: "endif").body : []
      return .condition(branches, otherwise: otherwise)
    }
  }

  mutating func set() throws -> Kind {
    let target = try self.target(hasAttributes: true)
    if skip(symbol: "=") { return .set(target, try tuple()) }
    let filter = try isSymbol("|") ? filters(of: nil) : nil
    let body = try collected { try $0.enclosed(until: "endset").body }
    return .setBlock(target, filter: filter, body)
  }

  mutating func with() throws -> Kind {
    var values: [(target: Jinja.Target, value: Jinja.Expression)] = []
    while token.kind != .blockEnd {
      if !values.isEmpty { try expect(symbol: ",") }
      let target = try self.target()
      try expect(symbol: "=")
      values.append((target, try expression()))
    }
    return .with(values, try enclosed(until: "endwith").body)
  }

  mutating func filterBlock() throws -> Kind {
    let filter = try filters(of: nil, startsInline: true)
    return .filterBlock(filter, try collected { try $0.enclosed(until: "endfilter").body })
  }

  /// A body whose text is collected, but that `break` may leave.
  private mutating func collected<Result>(
    _ body: (inout Self) throws -> Result
  ) throws -> Result {
    let saved = isCollected
    defer { isCollected = saved }
    isCollected = true
    return try body(&self)
  }

  mutating func macro() throws -> Kind {
    let name = try identifier()
    let parameters = try self.parameters()
    return .macro(try macro(name, parameters, until: "endmacro"))
  }

  mutating func callBlock() throws -> Kind {
    let line = token.line
    let parameters = try isSymbol("(") ? self.parameters() : []
    let call = try expression()
    guard case .call = call.kind else { throw failure("expected a call", line: line) }
    return .callBlock(call, try macro("caller", parameters, until: "endcall"))
  }

  private mutating func macro(
    _ name: String, _ parameters: [Jinja.Parameter], until end: String
  ) throws -> Jinja.Macro {
    namesRead.append([])
    let body = try separately(isCollected: true) { try $0.enclosed(until: end).body }
    let read = namesRead.removeLast()
    // An inner macro's names are the outer one's too.
    if !namesRead.isEmpty { namesRead[namesRead.count - 1].formUnion(read) }
    let names = Set(parameters.map(\.name))
    return Jinja.Macro(
      name: name, parameters: parameters, body: body,
      takesList: read.contains("varargs") && !names.contains("varargs"),
      takesNames: read.contains("kwargs") && !names.contains("kwargs"),
      takesCaller: read.contains("caller") && !names.contains("caller"))
  }

  private mutating func parameters() throws -> [Jinja.Parameter] {
    try expect(symbol: "(")
    var parameters: [Jinja.Parameter] = []
    while !isSymbol(")") {
      if !parameters.isEmpty { try expect(symbol: ",") }
      let name = try identifier()
      if parameters.contains(where: { $0.name == name }) {
        throw failure("two parameters have the name '\(name)'")
      }
      let value = skip(symbol: "=") ? try expression() : nil
      if value == nil, parameters.last?.value != nil {
        throw failure("a parameter without a default follows one with a default")
      }
      parameters.append(Jinja.Parameter(name: name, value: value))
    }
    try expect(symbol: ")")
    return parameters
  }

  /// What a value is assigned to: names, attributes of namespaces, and tuples of them.
  private mutating func target(
    until end: String? = nil, hasAttributes: Bool = false
  ) throws -> Jinja.Target {
    var targets: [Jinja.Target] = []
    var isTuple = false
    while true {
      if end.map(isName) == true || isSymbol(")") || token.kind == .blockEnd { break }
      targets.append(try singleTarget(hasAttributes: hasAttributes))
      guard skip(symbol: ",") else { break }
      isTuple = true
    }
    guard let first = targets.first else { throw failure("expected a name, found \(described)") }
    return isTuple ? .tuple(targets) : first
  }

  private mutating func singleTarget(hasAttributes: Bool) throws -> Jinja.Target {
    if skip(symbol: "(") {
      return try nested { parser in
        let inner = try parser.target(hasAttributes: hasAttributes)
        try parser.expect(symbol: ")")
        return inner
      }
    }
    let line = token.line
    let name = try identifier()
    if hasAttributes, skip(symbol: ".") { return .attribute(of: name, try identifier()) }
    if ["true", "false", "none", "True", "False", "None"].contains(name) {
      throw failure("cannot assign to '\(name)'", line: line)
    }
    return .name(name)
  }
}
