// Tokens to statements: Jinja's grammar of blocks. What a template cannot use here (other templates,
// the tags of extensions that transformers does not load) is refused by name.
import Essentials

extension Jinja {
  struct Parser {
    var tokens: [Token]
    var position = 0
    var nesting = 0
    /// Names that macro bodies have read so far, innermost last: whether they take `varargs`.
    var namesRead: [Set<String>] = []
    /// Inside `if`, where Jinja reports an unknown filter only when it is reached.
    var isConditional = false
    /// Unknown filters and tests outside `if`.
    var unknown: [Failure] = []
    /// Whether a loop is open in the macro or block whose text is being parsed.
    var isInLoop = false
    /// Whether the text of the enclosing block is collected first, so that its place is not known.
    var isCollected = false
    var hasGenerationBlocks = false
    var hasMisplacedGeneration = false

    /// - Throws: `Failure` with a line.
    static func parse(_ source: String) throws -> (body: [Statement], generates: Bool) {
      if source.utf8.count > Limits.source {
        throw Failure(message: "a chat template is larger than \(Limits.source) bytes", line: 1)
      }
      var parser = Parser(tokens: try Lexer.tokens(of: source))
      let body = try parser.body(until: [])
      if let first = parser.unknown.first { throw first }
      return (body, parser.hasGenerationBlocks && !parser.hasMisplacedGeneration)
    }

    var token: Token { tokens[position] }
    mutating func advance() { if position < tokens.count - 1 { position += 1 } }
    func failure(_ message: String, line: Int? = nil) -> Failure {
      Failure(message: message, line: line ?? token.line)
    }
    mutating func nested<Result>(_ body: (inout Parser) throws -> Result) throws -> Result {
      nesting += 1
      defer { nesting -= 1 }
      if nesting > Limits.nesting { throw failure("nested too deeply") }
      return try body(&self)
    }

    func isName(_ name: String) -> Bool { token.kind == .name(name) }
    func isSymbol(_ symbol: String) -> Bool { token.kind == .symbol(symbol) }
    mutating func skip(name: String) -> Bool {
      guard isName(name) else { return false }
      advance()
      return true
    }
    mutating func skip(symbol: String) -> Bool {
      guard isSymbol(symbol) else { return false }
      advance()
      return true
    }
    mutating func expect(symbol: String) throws {
      if !skip(symbol: symbol) { throw failure("expected '\(symbol)', found \(described)") }
    }
    mutating func expect(name: String) throws {
      if !skip(name: name) { throw failure("expected '\(name)', found \(described)") }
    }
    mutating func identifier() throws -> String {
      guard case .name(let name) = token.kind else {
        throw failure("expected a name, found \(described)")
      }
      advance()
      return name
    }
    var described: String {
      switch token.kind {
      case .data: "text"
      case .variableBegin: "'{{'"
      case .variableEnd: "'}}'"
      case .blockBegin: "'{%'"
      case .blockEnd: "'%}'"
      case .name(let name), .symbol(let name): "'\(name)'"
      case .string: "a string"
      case .integer, .float: "a number"
      case .end: "the end of the template"
      }
    }

    /// Statements until a block that begins with one of `ends`, which becomes the current token.
    mutating func body(until ends: [String]) throws -> [Statement] {
      try nested { parser in
        var statements: [Statement] = []
        while let statement = try parser.statement(until: ends) { statements.append(statement) }
        return statements
      }
    }

    private mutating func statement(until ends: [String]) throws -> Statement? {
      let line = token.line
      switch token.kind {
      case .end:
        if ends.isEmpty { return nil }
        throw failure("the template ends before '\(ends.joined(separator: "' or '"))'")
      case .data(let text):
        advance()
        return Statement(kind: .text(text), line: line)
      case .variableBegin:
        advance()
        let value = try tuple()
        guard token.kind == .variableEnd else { throw failure("expected '}}', found \(described)") }
        advance()
        return Statement(kind: .output(value), line: line)
      case .blockBegin:
        advance()
        if case .name(let name) = token.kind, ends.contains(name) { return nil }
        let kind = try block()
        try endBlock()
        return Statement(kind: kind, line: line)
      default: throw failure("unexpected \(described)")
      }
    }

    mutating func endBlock() throws {
      guard token.kind == .blockEnd else { throw failure("expected '%}', found \(described)") }
      advance()
    }

    /// The text between this block's `%}` and `{% name %}`, whose name is skipped.
    mutating func enclosed(until ends: String...) throws -> (body: [Statement], end: String) {
      _ = skip(symbol: ":")
      try endBlock()
      let statements = try body(until: ends)
      return (statements, try identifier())
    }

    private mutating func block() throws -> Statement.Kind {
      let line = token.line
      let name = try identifier()
      switch name {
      case "for": return try loop()
      case "if": return try condition()
      case "set": return try set()
      case "macro": return try macro()
      case "call": return try callBlock()
      case "filter": return try filterBlock()
      case "with": return try with()
      case "print": return .output(try tuple())
      case "generation":
        // In a macro or a collected block, the place of the text is not known yet.
        if isCollected { hasMisplacedGeneration = true } else { hasGenerationBlocks = true }
        return .generation(
          try separately(isCollected: isCollected) { try $0.enclosed(until: "endgeneration").body })
      case "break", "continue":
        if !isInLoop { throw failure("'\(name)' outside a loop", line: line) }
        return name == "break" ? .breakLoop : .continueLoop
      case "include", "import", "from", "extends", "block", "autoescape":
        throw Failure(
          message: "a chat template cannot use '\(name)'", code: .unsupported,
          remedy: "Write what it brings in into the template itself.", line: line)
      default: throw failure("unknown tag '\(name)'", line: line)
      }
    }

    /// Parses a body that Jinja makes a function of its own: no `break` reaches out of it.
    mutating func separately<Result>(
      isCollected: Bool, _ body: (inout Parser) throws -> Result
    ) throws -> Result {
      let saved = (isInLoop, self.isCollected, isConditional)
      defer { (isInLoop, self.isCollected, isConditional) = saved }
      (isInLoop, isConditional) = (false, false)
      self.isCollected = isCollected || saved.1
      return try body(&self)
    }
  }
}
