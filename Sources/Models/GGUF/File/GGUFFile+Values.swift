// Typed access to the key-values of a GGUF file. A key of another type than asked for is an error that
// names it; an absent key is nil.
import Essentials

extension GGUFFile {
  package func failure(
    _ key: String, _ message: String, remedy: String? = "Convert the model to GGUF again.",
    code: TuneError.Code = .malformedFile
  ) -> TuneError {
    TuneError(code, message, remedy: remedy, at: .init(file: path, key: key))
  }

  package func integer(_ key: String) throws -> Int? {
    switch values[key] {
    case nil: return nil
    case .integer(let value): return Int(value)
    case let value?: throw wrongKind(key, value, "an integer")
    }
  }

  package func number(_ key: String) throws -> Float? {
    switch values[key] {
    case nil: return nil
    case .real32(let value) where value.isFinite: return value
    case .real64(let value) where value.isFinite: return Float(value)
    case .integer(let value): return Float(value)
    case let value?: throw wrongKind(key, value, "a finite number")
    }
  }

  package func bool(_ key: String) throws -> Bool? {
    switch values[key] {
    case nil: return nil
    case .bool(let value): return value
    case let value?: throw wrongKind(key, value, "a boolean")
    }
  }

  package func string(_ key: String) throws -> String? {
    switch values[key] {
    case nil: return nil
    case .string(let range): return try text(range, key)
    case let value?: throw wrongKind(key, value, "a string")
    }
  }

  /// The number of elements, without reading them.
  package func count(_ key: String) throws -> Int? {
    switch values[key] {
    case nil: return nil
    case .list(_, let count, _): return count
    case let value?: throw wrongKind(key, value, "a list")
    }
  }

  package func strings(_ key: String) throws -> [String]? {
    guard let value = values[key] else { return nil }
    guard case .list(.string, let count, let range) = value else {
      throw wrongKind(key, value, "a list of strings")
    }
    var cursor = HeaderCursor(UnsafeRawBufferPointer(rebasing: map.bytes[range]), path: path)
    return try (0..<count).map { _ in
      let inner = try cursor.string(in: "key '\(key)'")
      return try text(
        range.lowerBound + inner.lowerBound..<range.lowerBound + inner.upperBound, key)
    }
  }

  package func integers(_ key: String) throws -> [Int]? {
    try elements(key, "a list of integers") {
      switch $0 {
      case .integer(let value): Int(value)
      case .bool(let value): value ? 1 : 0
      default: nil
      }
    }
  }

  package func numbers(_ key: String) throws -> [Float]? {
    try elements(key, "a list of numbers") {
      switch $0 {
      case .real32(let value): value
      case .real64(let value): Float(value)
      case .integer(let value): Float(value)
      default: nil
      }
    }
  }

  private func elements<T>(_ key: String, _ what: String, _ convert: (HeaderValue) -> T?) throws
    -> [T]?
  {
    guard let value = values[key] else { return nil }
    guard case .list(let kind, let count, let range) = value, kind != .string else {
      throw wrongKind(key, value, what)
    }
    var cursor = HeaderCursor(UnsafeRawBufferPointer(rebasing: map.bytes[range]), path: path)
    return try (0..<count).map { _ in
      guard let element = convert(try cursor.scalar(kind, in: "key '\(key)'")) else {
        throw wrongKind(key, value, what)
      }
      return element
    }
  }

  private func text(_ range: Range<Int>, _ key: String) throws -> String {
    guard let text = String(validating: map.bytes[range], as: UTF8.self) else {
      throw failure(key, "contains a string that is not UTF-8")
    }
    return text
  }

  private func wrongKind(_ key: String, _ value: HeaderValue, _ what: String) -> TuneError {
    failure(key, "is \(value.kind) instead of \(what)")
  }
}
