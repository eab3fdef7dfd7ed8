// The functions that every chat template has: those of Jinja, and raise_exception and strftime_now of
// transformers.
import Essentials
import Foundation

extension Jinja {
  enum Globals {
    private static func function(
      _ name: String, _ body: @escaping @Sendable (Interpreter, Call) throws -> Value
    ) -> (String, @Sendable (Interpreter, Call) throws -> Value) { (name, body) }

    static var named: GlobalTable { GlobalTable() }

    struct GlobalTable {
      subscript(name: String) -> Value? {
        functions[name].map { .function(Function(name: name, $0)) }
      }
    }

    private static let functions: [String: @Sendable (Interpreter, Call) throws -> Value] = [
      "range": { try $0.range($1) },
      "dict": { interpreter, call in .dictionary(try interpreter.dictionary(call)) },
      "namespace": { interpreter, call in
        let namespace = try interpreter.register(Namespace())
        let dictionary = try interpreter.dictionary(call)
        for (key, value) in zip(dictionary.keys, dictionary.values) {
          try namespace.set(try interpreter.text(key, "the name of an attribute"), value)
        }
        return .object(namespace)
      },
      "cycler": { interpreter, call in
        guard !call.positional.isEmpty, call.named.isEmpty else {
          throw Failure(message: "at least one item has to be provided")
        }
        return .object(try interpreter.register(Cycler(call.positional)))
      },
      "joiner": { interpreter, call in
        let values = try interpreter.bind(call, "joiner", ["sep"], required: 0)
        return .object(try interpreter.register(Joiner(values[0] ?? .string(", "))))
      },
      "lipsum": { _, _ in
        throw Failure(message: "the function 'lipsum' is not supported", code: .unsupported)
      },
      "raise_exception": { interpreter, call in
        let values = try interpreter.bind(call, "raise_exception", ["message"])
        throw Failure(
          message: "the chat template refuses the conversation: "
            + (try interpreter.text(of: values[0]!)),
          code: .data)
      },
      "strftime_now": { interpreter, call in
        let values = try interpreter.bind(call, "strftime_now", ["format"])
        return try interpreter.string(
          try interpreter.date(try interpreter.text(values[0], "the format")))
      },
    ]
  }
}

extension Jinja.Interpreter {
  fileprivate func range(_ call: Call) throws -> Value {
    let values = try bind(call, "range", ["start/", "stop/", "step/"], required: 1)
    let first = try integer(values[0], "range's argument")
    let start = values[1] == nil ? 0 : first
    let stop = try values[1].map { try integer($0, "range's argument") } ?? first
    let step = try values[2].map { try integer($0, "range's argument") } ?? 1
    if step == 0 { throw Failure(message: "range() arg 3 must not be zero") }
    let farthest = 1 << 60
    guard [start, stop, step].allSatisfy({ abs($0 == .min ? .max : $0) < farthest }) else {
      throw tooLarge("uses too large a range")
    }
    let range = Jinja.Range(start: start, stop: stop, step: step)
    if range.count > Jinja.Limits.range {
      throw tooLarge("uses a range of more than \(Jinja.Limits.range) elements")
    }
    return .range(range)
  }

  /// Python's `dict(mapping or pairs, name=value...)`.
  fileprivate func dictionary(_ call: Call) throws -> Jinja.Dictionary {
    let result = Jinja.Dictionary()
    if call.positional.count > 1 {
      throw Failure(message: "dict expected at most 1 argument, got \(call.positional.count)")
    }
    if let first = call.positional.first {
      if case .dictionary(let dictionary) = first {
        for (key, value) in zip(dictionary.keys, dictionary.values) {
          result.insert(try hash(key), key, value)
        }
      } else {
        for pair in try array(first) {
          let pair = try array(pair)
          guard pair.count == 2 else { throw Failure(message: "dict needs pairs") }
          result.insert(try hash(pair[0]), pair[0], pair[1])
        }
      }
    }
    for (name, value) in call.named {
      result.insert(.text(Jinja.Text(name)), .string(name), value)
    }
    try charge(result.count)
    try checkDepth(result.depth)
    return result
  }

  /// Local time by C's strftime, as Python's datetime writes it.
  fileprivate func date(_ format: String) throws -> String {
    var seconds = time_t(now.timeIntervalSince1970.rounded(.down))
    let micro = Int((now.timeIntervalSince1970 - Double(seconds)) * 1_000_000)
    var parts = tm()
    guard localtime_r(&seconds, &parts) != nil else {
      throw Failure(message: "the current time cannot be told")
    }
    // A time without a zone: Python writes nothing for these.
    var plain = ""
    var rest = format.unicodeScalars[...]
    while let scalar = rest.popFirst() {
      guard scalar == "%", let mark = rest.popFirst() else {
        plain.unicodeScalars.append(scalar)
        continue
      }
      switch mark {
      case "f": plain += String(repeating: "0", count: 6 - String(micro).count) + String(micro)
      case "z", "Z": break
      default:
        plain += "%" + String(mark)
      }
    }
    if plain.isEmpty { return "" }
    // The mark at the end tells an empty result from one that does not fit.
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = strftime(&buffer, buffer.count, plain + "|", &parts)
    guard count > 0 else { throw tooLarge("writes too long a date") }
    return String(
      decoding: buffer[..<(count - 1)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
