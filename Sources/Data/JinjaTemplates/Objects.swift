// Values with a state: namespaces, loops, macros, cyclers and joiners.
import Essentials

extension Jinja {
  /// The names of one block of the template. Names of enclosing blocks are found through `parent`.
  final class Scope {
    var values: [String: Value] = [:]
    private(set) var parent: Scope?
    init(parent: Scope?) { self.parent = parent }
    subscript(name: String) -> Value? {
      var scope: Scope? = self
      while let current = scope {
        if let value = current.values[name] { return value }
        scope = current.parent
      }
      return nil
    }
    func clear() {
      values = [:]
      parent = nil
    }
  }

  final class Namespace: Object {
    let name = "Namespace"
    var values: [(name: String, value: Value)] = []
    func attribute(_ name: String) -> Value? {
      values.first { $0.name.isExactly(name) }?.value
    }
    func set(_ name: String, _ value: Value) throws {
      if name.hasPrefix("_") {
        throw Failure(message: "a namespace cannot hold '\(name)', which begins with '_'")
      }
      if let found = values.firstIndex(where: { $0.name.isExactly(name) }) {
        values[found].value = value
      } else {
        values.append((name, value))
      }
    }
    func text(_ interpreter: Interpreter) throws -> String {
      let dictionary = Dictionary(named: values.map { ($0.name, $0.value) })
      return "<Namespace \(try interpreter.representation(.dictionary(dictionary)))>"
    }
    func call(_ interpreter: Interpreter, _ call: Call) throws -> Value {
      throw Failure(message: "a namespace is not callable")
    }
    func clear() { values = [] }
  }

  final class LoopState: Object {
    let name = "LoopContext"
    private var source: Iterator
    private var known: Int?
    private(set) var index0 = -1
    private var after: Value?
    private var hasPeeked = false
    private var before: Value?
    private var current: Value?
    private var lastChange: [Value]?
    let depth0: Int
    var recurse: ((Interpreter, Value, Int) throws -> Value)?

    init(_ source: Iterator, count: Int?, depth0: Int) {
      (self.source, known, self.depth0) = (source, count, depth0)
    }

    func next() throws -> Value? {
      let value = hasPeeked ? after : try source.next()
      (hasPeeked, after) = (false, nil)
      guard let value else { return nil }
      index0 += 1
      (before, current) = (current, value)
      return value
    }
    private func peek() throws -> Value? {
      if !hasPeeked {
        after = try source.next()
        hasPeeked = true
      }
      return after
    }
    /// How many values there are. Those of an iterator are all computed for it.
    private func count() throws -> Int {
      if let known { return known }
      var rest: [Value] = []
      while let value = try source.next() { rest.append(value) }
      source = Iterator(rest)
      let count = rest.count + index0 + 1 + (hasPeeked && after != nil ? 1 : 0)
      known = count
      return count
    }

    func attribute(_ name: String) throws -> Value? {
      switch name {
      case "index": .integer(index0 + 1)
      case "index0": .integer(index0)
      case "first": .bool(index0 == 0)
      case "last": .bool(try peek() == nil)
      case "length": .integer(try count())
      case "revindex": .integer(try count() - index0)
      case "revindex0": .integer(try count() - index0 - 1)
      case "previtem":
        index0 == 0 ? .undefined("there is no previous item") : before
      case "nextitem": try peek() ?? .undefined("there is no next item")
      case "depth": .integer(depth0 + 1)
      case "depth0": .integer(depth0)
      case "cycle":
        .function(
          Function(name: name) { [index0] _, call in
            guard !call.positional.isEmpty else {
              throw Failure(message: "no items for cycling given")
            }
            return call.positional[index0 % call.positional.count]
          })
      case "changed":
        .function(
          Function(name: name) { [self] interpreter, call in
            let last = lastChange
            lastChange = call.positional
            guard let last, last.count == call.positional.count else { return .bool(true) }
            for (old, new) in zip(last, call.positional) where try !interpreter.equal(old, new) {
              return .bool(true)
            }
            return .bool(false)
          })
      default: nil
      }
    }
    func text(_ interpreter: Interpreter) throws -> String {
      "<LoopContext \(index0 + 1)/\(try count())>"
    }
    func call(_ interpreter: Interpreter, _ call: Call) throws -> Value {
      guard let recurse else {
        throw Failure(message: "a loop without 'recursive' cannot be called")
      }
      let values = try interpreter.bind(call, "loop", ["iterable"])
      return try recurse(interpreter, values[0]!, depth0 + 1)
    }
    func clear() {
      source.clear()
      (after, before, current, lastChange, recurse) = (nil, nil, nil, nil, nil)
    }
  }

  final class MacroValue: Object {
    let name = "Macro"
    let macro: Macro
    private var scope: Scope?
    init(_ macro: Macro, in scope: Scope) { (self.macro, self.scope) = (macro, scope) }

    func attribute(_ name: String) -> Value? {
      switch name {
      case "name": .string(macro.name)
      case "arguments": .tuple(List(macro.parameters.map { .string($0.name) }))
      case "catch_kwargs": .bool(macro.takesNames)
      case "catch_varargs": .bool(macro.takesList)
      case "caller": .bool(macro.takesCaller)
      default: nil
      }
    }
    func text(_ interpreter: Interpreter) throws -> String {
      "<Macro \(try interpreter.representation(.string(macro.name)))>"
    }
    func call(_ interpreter: Interpreter, _ call: Call) throws -> Value {
      guard let scope else { throw Failure(message: "the macro '\(macro.name)' is gone") }
      return .string(try interpreter.run(macro, in: scope, call))
    }
    func clear() {
      scope?.clear()
      scope = nil
    }
  }

  /// `cycler('a', 'b')`: the next of its values with each call of `next`.
  final class Cycler: Object {
    let name = "Cycler"
    private var items: [Value]
    private var position = 0
    init(_ items: [Value]) { self.items = items }
    func attribute(_ name: String) -> Value? {
      switch name {
      case "current": items.isEmpty ? Value.none : items[position]
      case "items": .tuple(List(items))
      case "pos": .integer(position)
      case "next":
        .function(
          Function(name: name) { [self] _, _ in
            guard !items.isEmpty else { throw Failure(message: "a cycler without items") }
            let item = items[position]
            position = (position + 1) % items.count
            return item
          })
      case "reset":
        .function(
          Function(name: name) { [self] _, _ in
            position = 0
            return .none
          })
      default: nil
      }
    }
    func text(_ interpreter: Interpreter) throws -> String { "<Cycler>" }
    func call(_ interpreter: Interpreter, _ call: Call) throws -> Value {
      throw Failure(message: "a cycler is not callable")
    }
    func clear() { items = [] }
  }

  /// `joiner(', ')`: nothing at its first call, its separator after that.
  final class Joiner: Object {
    let name = "Joiner"
    private var separator: Value
    private var isUsed = false
    init(_ separator: Value) { self.separator = separator }
    func attribute(_ name: String) -> Value? { nil }
    func text(_ interpreter: Interpreter) throws -> String { "<Joiner>" }
    func call(_ interpreter: Interpreter, _ call: Call) throws -> Value {
      defer { isUsed = true }
      return isUsed ? separator : .string("")
    }
    func clear() { separator = .none }
  }
}
