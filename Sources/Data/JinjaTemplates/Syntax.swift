// The syntax tree of a template. It holds constants and names only, so that one parsed template can
// render in many threads at once.

extension Jinja {
  struct Expression: Sendable {
    let kind: Kind
    let line: Int
    /// How many nodes lie on the longest way down: the evaluator's recursion.
    let depth: Int

    indirect enum Kind: Sendable {
      case constant(Constant)
      case name(String)
      case list([Expression])
      case tuple([Expression])
      case dictionary([(key: Expression, value: Expression)])
      case attribute(Expression, String)
      case item(Expression, Expression)
      case slice(Expression?, Expression?, Expression?)
      case call(Expression, Arguments)
      /// Without a value, the filter of a block, which gets the block's text.
      case filter(Expression?, String, Arguments)
      case test(Expression, String, Arguments)
      case not(Expression)
      case sign(Expression, isNegative: Bool)
      case arithmetic(Arithmetic, Expression, Expression)
      case concatenation([Expression])
      case and(Expression, Expression)
      case or(Expression, Expression)
      case comparison(Expression, [(Comparison, Expression)])
      case conditional(test: Expression, then: Expression, otherwise: Expression?)
    }
  }
  enum Constant: Sendable {
    case none
    case bool(Bool)
    case integer(Int)
    case float(Double)
    case string(String)
  }
  enum Arithmetic: String, Sendable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case floorDivide = "//"
    case modulo = "%"
    case power = "**"
  }
  enum Comparison: String, Sendable {
    case equal = "=="
    case unequal = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case isIn = "in"
    case isNotIn = "not in"
  }
  /// What a call passes: by position, by name, and from `*list` and `**dictionary`.
  struct Arguments: Sendable {
    var positional: [Expression] = []
    var named: [(name: String, value: Expression)] = []
    var list: Expression?
    var dictionary: Expression?
    var all: [Expression] {
      positional + named.map(\.value) + [list, dictionary].compactMap(\.self)
    }
    static let none = Arguments()
  }

  indirect enum Target: Sendable {
    case name(String)
    case attribute(of: String, String)
    case tuple([Target])
  }
  struct Parameter: Sendable {
    var name: String
    var value: Expression?
  }
  struct Statement: Sendable {
    let kind: Kind
    let line: Int

    enum Kind: Sendable {
      case text(String)
      case output(Expression)
      case loop(Loop)
      case condition([(test: Expression, body: [Statement])], otherwise: [Statement])
      case set(Target, Expression)
      case setBlock(Target, filter: Expression?, [Statement])
      case macro(Macro)
      case callBlock(Expression, Macro)
      case filterBlock(Expression, [Statement])
      case with([(target: Target, value: Expression)], [Statement])
      case generation([Statement])
      case breakLoop
      case continueLoop
    }
  }
  struct Loop: Sendable {
    var target: Target
    var values: Expression
    var test: Expression?
    var isRecursive: Bool
    var body: [Statement]
    var otherwise: [Statement]
  }
  struct Macro: Sendable {
    var name: String
    var parameters: [Parameter]
    var body: [Statement]
    /// Whether the body reads `varargs`, `kwargs` and `caller`: only then a call may pass them.
    var takesList: Bool
    var takesNames: Bool
    var takesCaller: Bool
  }
}
