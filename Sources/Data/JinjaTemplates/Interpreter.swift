// Runs a parsed template once: its statements, its names, and the account of what it uses up.
import Essentials
import Foundation

extension Jinja {
  final class Interpreter {
    enum Flow { case next, breakLoop, continueLoop }

    let now: Date
    /// The line that is being evaluated.
    var line = 1
    var output = ""
    /// The ranges of `output` inside `{% generation %}`.
    var generated: [Swift.Range<Int>] = []
    private var steps: Int
    private var depth = 0
    /// Texts that are being collected: a macro's, a block's.
    private var collecting = 0
    private var isGenerating = false
    private var objects: [any Object] = []
    let variables: Scope

    init(_ variables: Scope, now: Date, steps: Int) {
      (self.variables, self.now, self.steps) = (variables, now, steps)
    }

    func charge(_ count: Int) throws {
      steps -= count
      if steps < 0 { throw tooLarge("takes too many steps") }
    }
    func charge(bytes: Int) throws { try charge(1 + bytes / Limits.bytesPerStep) }
    func tooLarge(_ what: String) -> Failure {
      Failure(
        message: "the chat template \(what)",
        remedy: "Use a template that needs less, or shorter messages.")
    }
    func deeper<Result>(_ body: () throws -> Result) throws -> Result {
      depth += 1
      defer { depth -= 1 }
      if depth > Limits.evaluationDepth { throw tooLarge("recurses too deeply") }
      return try body()
    }
    func register<Kept: Object>(_ object: Kept) throws -> Kept {
      try charge(4)
      if objects.count >= Limits.objects { throw tooLarge("makes too many objects") }
      objects.append(object)
      return object
    }
    /// Frees what objects hold, one by one: a long chain of them would overflow the stack.
    func clear() {
      for object in objects { object.clear() }
      objects = []
    }

    func write(_ text: String) throws {
      try charge(bytes: text.utf8.count)
      if output.utf8.count + text.utf8.count > Limits.text {
        throw tooLarge("writes more than \(Limits.text) bytes")
      }
      output += text
    }
    /// The text that `body` writes, instead of writing it.
    func collected(_ body: () throws -> Void) throws -> String {
      let outer = output
      output = ""
      collecting += 1
      defer {
        output = outer
        collecting -= 1
      }
      try body()
      return output
    }

    func execute(_ statements: [Statement], _ scope: Scope) throws -> Flow {
      try deeper {
        for statement in statements {
          try charge(1)
          line = statement.line
          let flow = try execute(statement, scope)
          if flow != .next { return flow }
        }
        return .next
      }
    }

    private func execute(_ statement: Statement, _ scope: Scope) throws -> Flow {
      switch statement.kind {
      case .text(let text): try write(text)
      case .output(let expression): try write(try text(of: try evaluate(expression, scope)))
      case .loop(let loop): return try execute(loop, scope)
      case .condition(let branches, let otherwise):
        for branch in branches where try isTrue(try evaluate(branch.test, scope)) {
          return try execute(branch.body, scope)
        }
        return otherwise.isEmpty ? .next : try execute(otherwise, scope)
      case .set(let target, let expression):
        try assign(try evaluate(expression, scope), to: target, scope)
      case .setBlock(let target, let filter, let body):
        return try set(target, filter, body, scope)
      case .macro(let macro):
        scope.values[macro.name] = .object(try register(MacroValue(macro, in: scope)))
      case .callBlock(let call, let macro):
        let caller = Value.object(try register(MacroValue(macro, in: scope)))
        try write(try text(of: try evaluate(call, scope, caller: caller)))
      case .filterBlock(let filter, let body):
        var flow = Flow.next
        let text = try collected { flow = try execute(body, Scope(parent: scope)) }
        try write(try self.text(of: try evaluate(filter, scope, block: .string(text))))
        return flow
      case .with(let values, let body):
        let inner = Scope(parent: scope)
        for (target, value) in values { try assign(try evaluate(value, scope), to: target, inner) }
        return try execute(body, inner)
      case .generation(let body): try generate(body, scope)
      case .breakLoop: return .breakLoop
      case .continueLoop: return .continueLoop
      }
      return .next
    }

    private func generate(_ body: [Statement], _ scope: Scope) throws {
      let start = output.utf8.count
      let isOutermost = !isGenerating && collecting == 0
      if isOutermost { isGenerating = true }
      _ = try execute(body, Scope(parent: scope))
      if isOutermost {
        isGenerating = false
        generated.append(start..<output.utf8.count)
      }
    }

    private func set(
      _ target: Target, _ filter: Expression?, _ body: [Statement], _ scope: Scope
    ) throws -> Flow {
      var flow = Flow.next
      let text = try collected { flow = try execute(body, Scope(parent: scope)) }
      // A `break` inside leaves the loop before the assignment.
      if flow != .next { return flow }
      let value = try filter.map { try evaluate($0, scope, block: .string(text)) }
      try assign(value ?? .string(text), to: target, scope)
      return .next
    }

    func assign(_ value: Value, to target: Target, _ scope: Scope) throws {
      switch target {
      case .name(let name): scope.values[name] = value
      case .attribute(let name, let attribute):
        guard case .object(let object)? = try? resolve(name, scope),
          let namespace = object as? Namespace
        else {
          throw Failure(message: "cannot set '\(name).\(attribute)': '\(name)' is no namespace")
        }
        try namespace.set(attribute, value)
      case .tuple(let targets):
        let values = try array(value)
        guard values.count == targets.count else {
          throw Failure(message: "cannot unpack \(values.count) values into \(targets.count) names")
        }
        for (target, value) in zip(targets, values) { try assign(value, to: target, scope) }
      }
    }

    func resolve(_ name: String, _ scope: Scope) throws -> Value {
      if let value = scope[name] ?? variables.values[name] { return value }
      if let global = Globals.named[name] { return global }
      return .undefined("'\(name)' is undefined")
    }
  }
}

extension Jinja.Interpreter {
  typealias Value = Jinja.Value
  typealias Failure = Jinja.Failure
  typealias Scope = Jinja.Scope

  fileprivate func execute(_ loop: Jinja.Loop, _ scope: Scope) throws -> Flow {
    let values = try evaluate(loop.values, scope)
    return try run(loop, over: values, scope, depth0: 0)
  }

  private func run(
    _ loop: Jinja.Loop, over values: Value, _ scope: Scope, depth0: Int
  ) throws -> Flow {
    var source = try iterator(over: values)
    var known = count(of: values)
    if let test = loop.test {
      let unfiltered = source
      known = nil
      source = Jinja.Iterator(depth: unfiltered.depth) { [self] in
        while let value = try unfiltered.next() {
          try charge(1)
          let inner = Scope(parent: scope)
          try assign(value, to: loop.target, inner)
          if try isTrue(try evaluate(test, inner)) { return value }
        }
        return nil
      }
    }
    let state = try register(Jinja.LoopState(source, count: known, depth0: depth0))
    if loop.isRecursive {
      state.recurse = { interpreter, values, depth0 in
        .string(
          try interpreter.collected {
            _ = try interpreter.run(loop, over: values, scope, depth0: depth0)
          })
      }
    }
    while let value = try state.next() {
      try charge(1)
      let inner = Scope(parent: scope)
      inner.values["loop"] = .object(state)
      try assign(value, to: loop.target, inner)
      if try execute(loop.body, inner) == .breakLoop { break }
    }
    // As in Jinja: what matters is whether the loop ran at all.
    if state.index0 < 0, !loop.otherwise.isEmpty {
      return try execute(loop.otherwise, Scope(parent: scope))
    }
    return .next
  }

  func run(_ macro: Jinja.Macro, in scope: Scope, _ call: Jinja.Call) throws -> String {
    let inner = Scope(parent: scope)
    var named = call.named
    func takeNamed(_ name: String) -> Value? {
      named.firstIndex { $0.name == name }.map { named.remove(at: $0).value }
    }
    for (position, parameter) in macro.parameters.enumerated() {
      var value: Value?
      if position < call.positional.count {
        value = call.positional[position]
      } else {
        value = takeNamed(parameter.name)
        if value == nil, let standard = parameter.value { value = try evaluate(standard, inner) }
      }
      inner.values[parameter.name] =
        value ?? .undefined("parameter '\(parameter.name)' was not provided")
    }
    if macro.takesCaller {
      inner.values["caller"] = takeNamed("caller") ?? .undefined("No caller defined")
    }
    if macro.takesNames {
      inner.values["kwargs"] = .dictionary(
        Jinja.Dictionary(named: named.map { ($0.name, $0.value) }))
    } else if let first = named.first {
      throw Failure(message: "macro '\(macro.name)' takes no keyword argument '\(first.name)'")
    }
    let rest = Array(call.positional.dropFirst(macro.parameters.count))
    if macro.takesList {
      inner.values["varargs"] = .tuple(Jinja.List(rest))
    } else if !rest.isEmpty {
      throw Failure(
        message: "macro '\(macro.name)' takes not more than \(macro.parameters.count) argument(s)")
    }
    return try collected { _ = try execute(macro.body, inner) }
  }
}
