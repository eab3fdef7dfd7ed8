// The methods of Python's values that a template may call. A method that Python has and we lack is
// an error, never undefined.
import Essentials

extension Jinja {
  enum Methods {
    static func method(_ name: String, of value: Value) -> Value? {
      let depth = value.depth + 1
      switch value {
      case .string(let text), .markup(let text):
        guard let method = ofStrings[name] else {
          return lacking(name, ["encode", "translate", "maketrans", "expandtabs", "format_map"])
        }
        var isMarkup = false
        if case .markup = value { isMarkup = true }
        return .function(
          Function(name: name) { interpreter, call in
            try interpreter.charge(bytes: text.utf8.count)
            let result = try method(interpreter, text, call)
            return isMarkup ? try safe(result, name, interpreter) : result
          })
      case .dictionary(let dictionary):
        guard let method = ofDictionaries[name] else { return lacking(name, ["fromkeys"]) }
        return .function(Function(name: name, depth: depth) { try method($0, dictionary, $1) })
      case .list(let list):
        if name == "copy" { return .function(Function(name: name, depth: depth) { _, _ in value }) }
        return sequence(name, list.items, depth)
      case .tuple(let list): return sequence(name, list.items, depth)
      case .range(let range):
        switch name {
        case "start": return .integer(range.start)
        case "stop": return .integer(range.stop)
        case "step": return .integer(range.step)
        default: return lacking(name, ["index", "count"])
        }
      case .integer, .bool, .float:
        return lacking(
          name,
          [
            "real", "imag", "numerator", "denominator", "conjugate", "bit_length", "bit_count",
            "to_bytes", "from_bytes", "as_integer_ratio", "is_integer", "hex", "fromhex",
          ])
      case .view: return lacking(name, ["isdisjoint", "mapping"])
      case .iterator: return lacking(name, ["send", "throw", "close"])
      default: return nil
      }
    }

    /// A method that Python has: it fails when it is called.
    private static func lacking(_ name: String, _ names: [String]) -> Value? {
      guard names.contains(name) else { return nil }
      return .function(
        Function(name: name) { _, _ in
          throw Failure(message: "the method '\(name)' is not supported", code: .unsupported)
        })
    }

    /// What a method of a safe text gives is safe too.
    private static func safe(
      _ result: Value, _ name: String, _ interpreter: Interpreter
    ) throws -> Value {
      if ["join", "format", "replace"].contains(name) {
        throw Failure(
          message: "the method '\(name)' of safe text is not supported", code: .unsupported,
          remedy: "Leave out the filter 'safe': chat templates escape nothing.")
      }
      switch result {
      case .string(let text): return .markup(text)
      case .list(let list): return .list(List(list.items.map(marked)))
      case .tuple(let list): return .tuple(List(list.items.map(marked)))
      default: return result
      }
    }
    private static func marked(_ value: Value) -> Value {
      value.text.map(Value.markup) ?? value
    }

    private static func sequence(_ name: String, _ items: [Value], _ depth: Int) -> Value? {
      guard name == "index" || name == "count" else { return nil }
      return .function(
        Function(name: name, depth: depth) { interpreter, call in
          let value = try interpreter.bind(call, name, ["value/"])[0]!
          var count = 0
          for (position, item) in items.enumerated() where try interpreter.equal(item, value) {
            if name == "index" { return .integer(position) }
            count += 1
          }
          if name == "count" { return .integer(count) }
          throw Failure(message: "\(try interpreter.representation(value)) is not in list")
        })
    }

    static let ofDictionaries: [String: @Sendable (Interpreter, Dictionary, Call) throws -> Value] =
      [
        "get": { interpreter, dictionary, call in
          let values = try interpreter.bind(call, "get", ["key/", "default/"], required: 1)
          return dictionary.value(of: try interpreter.hash(values[0]!)) ?? values[1] ?? .none
        },
        "keys": { interpreter, dictionary, call in
          _ = try interpreter.bind(call, "keys", [])
          return .view(dictionary, .keys)
        },
        "values": { interpreter, dictionary, call in
          _ = try interpreter.bind(call, "values", [])
          return .view(dictionary, .values)
        },
        "items": { interpreter, dictionary, call in
          _ = try interpreter.bind(call, "items", [])
          return .view(dictionary, .items)
        },
        "copy": { interpreter, dictionary, call in
          _ = try interpreter.bind(call, "copy", [])
          return .dictionary(dictionary)
        },
      ]
  }
}

extension Jinja.Interpreter {
  func text(_ value: Value?, _ what: String) throws -> String {
    if let text = value?.text { return text }
    if case .undefined(let message)? = value { throw Failure(message: message) }
    throw Failure(message: "\(what) must be a string, not \(value?.type ?? "None")")
  }
  /// nil for None and what was not passed.
  func optionalText(_ value: Value?, _ what: String) throws -> String? {
    guard let value, !value.isNone else { return nil }
    return try text(value, what)
  }
  func integer(_ value: Value?, _ what: String, standard: Int? = nil) throws -> Int {
    if let standard, value == nil || value?.isNone == true { return standard }
    if let integer = value?.integer { return integer }
    if case .undefined(let message)? = value { throw Failure(message: message) }
    throw Failure(message: "\(what) must be an integer, not \(value?.type ?? "None")")
  }
}
