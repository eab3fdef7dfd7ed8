// Jinja's tests, which follow `is`.
import Essentials

extension Jinja {
  typealias Test = @Sendable (Interpreter, Value, Call) throws -> Bool

  enum Tests {
    static let named: [String: Test] = kinds.merging(comparisons) { first, _ in first }

    static func unknown(_ name: String, line: Int) -> Failure {
      Failure(
        message: "unknown test '\(name)'",
        remedy: nearestName(to: name, among: named.keys.sorted()).map { "Did you mean '\($0)'?" },
        line: line)
    }

    /// A test without arguments.
    private static func plain(
      _ name: String, _ body: @escaping @Sendable (Interpreter, Value) throws -> Bool
    ) -> Test {
      { interpreter, value, call in
        _ = try interpreter.bind(call, name, [])
        return try body(interpreter, value)
      }
    }
    private static func rest(_ interpreter: Interpreter, _ value: Value, _ divisor: Value)
      throws -> Double
    {
      if case .undefined(let message) = value { throw Failure(message: message) }
      guard value.number != nil else {
        throw Failure(message: "unsupported operand type(s) for %: '\(value.type)'")
      }
      return try interpreter.compute(.modulo, value, divisor).number ?? .nan
    }

    private static let kinds: [String: Test] = [
      "defined": plain("defined") { !$1.isUndefined },
      "undefined": plain("undefined") { $1.isUndefined },
      "none": plain("none") { $1.isNone },
      "boolean": plain("boolean") { if case .bool = $1 { true } else { false } },
      "true": plain("true") { if case .bool(true) = $1 { true } else { false } },
      "false": plain("false") { if case .bool(false) = $1 { true } else { false } },
      "integer": plain("integer") { if case .integer = $1 { true } else { false } },
      "float": plain("float") { if case .float = $1 { true } else { false } },
      "number": plain("number") { $1.number != nil },
      "string": plain("string") { $1.text != nil },
      "mapping": plain("mapping") { if case .dictionary = $1 { true } else { false } },
      "sequence": plain("sequence") { interpreter, value in
        switch value {
        case .view, .object: false
        default: interpreter.count(of: value) != nil
        }
      },
      "iterable": plain("iterable") { interpreter, value in
        switch value {
        case .iterator: true
        case .object(let object): object is Group || object is LoopState
        default: interpreter.count(of: value) != nil
        }
      },
      "callable": plain("callable") { interpreter, value in
        switch value {
        case .function, .undefined: true
        case .object(let object): object is MacroValue || object is Joiner || object is LoopState
        default: false
        }
      },
      "escaped": plain("escaped") { if case .markup = $1 { true } else { false } },
      "upper": plain("upper") { try $0.text(of: $1).isUpperLikePython },
      "lower": plain("lower") { try $0.text(of: $1).isLowerLikePython },
      "odd": plain("odd") { try rest($0, $1, .integer(2)) == 1 },
      "even": plain("even") { try rest($0, $1, .integer(2)) == 0 },
      "divisibleby": { interpreter, value, call in
        try rest(interpreter, value, try interpreter.bind(call, "divisibleby", ["num"])[0]!) == 0
      },
      "filter": plain("filter") { Filters.named[$1.text ?? ""] != nil },
      "test": plain("test") { Tests.named[$1.text ?? ""] != nil },
      "sameas": { interpreter, value, call in
        try same(value, try interpreter.bind(call, "sameas", ["other"])[0]!)
      },
      "in": { interpreter, value, call in
        try interpreter.contains(try interpreter.bind(call, "in", ["seq"])[0]!, value)
      },
    ]

    /// Identity, where it does not depend on how Python keeps its values.
    private static func same(_ left: Value, _ right: Value) throws -> Bool {
      switch (left, right) {
      case (.none, .none): true
      case (.bool(let left), .bool(let right)): left == right
      case (.object(let left), .object(let right)): left === right
      case (.iterator(let left), .iterator(let right)): left === right
      default:
        if left.type == right.type {
          throw Failure(
            message: "'sameas' of two values of the type \(left.type) is not supported",
            code: .unsupported, remedy: "Compare them with '=='.")
        } else {
          false
        }
      }
    }

    private static func comparison(_ comparison: Comparison) -> Test {
      { interpreter, value, call in
        let other = try interpreter.bind(call, comparison.rawValue, ["other/"])[0]!
        return try interpreter.holds(comparison, value, other)
      }
    }
    private static let comparisons: [String: Test] = [
      "==": comparison(.equal), "eq": comparison(.equal), "equalto": comparison(.equal),
      "!=": comparison(.unequal), "ne": comparison(.unequal),
      ">": comparison(.greater), "gt": comparison(.greater), "greaterthan": comparison(.greater),
      ">=": comparison(.greaterOrEqual), "ge": comparison(.greaterOrEqual),
      "<": comparison(.less), "lt": comparison(.less), "lessthan": comparison(.less),
      "<=": comparison(.lessOrEqual), "le": comparison(.lessOrEqual),
    ]
  }
}

extension Jinja.Interpreter {
  func test(_ value: Value, _ name: String, _ call: Call) throws -> Bool {
    guard let test = Jinja.Tests.named[name] else { throw Jinja.Tests.unknown(name, line: line) }
    return try test(self, value, call)
  }
}
