// The values of a GGUF header. Numbers are read at once; strings and lists stay in the mapped file as
// ranges of bytes, so that a header takes no memory of its own.

enum HeaderValue: Sendable {
  case integer(Int64)
  /// Beyond Int64.
  case large(UInt64)
  case real32(Float)
  case real64(Double)
  case bool(Bool)
  case string(Range<Int>)
  case list(of: ValueKind, count: Int, Range<Int>)

  var kind: String {
    switch self {
    case .integer, .large: "an integer"
    case .real32, .real64: "a number"
    case .bool: "a boolean"
    case .string: "a string"
    case .list: "a list"
    }
  }
}

enum ValueKind: UInt32, Sendable {
  case uint8, int8, uint16, int16, uint32, int32, float32, bool, string, list, uint64, int64
  case float64

  /// Of a value of fixed size; nil for strings and lists.
  var byteCount: Int? {
    switch self {
    case .uint8, .int8, .bool: 1
    case .uint16, .int16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64: 8
    case .string, .list: nil
    }
  }
}

extension HeaderCursor {
  mutating func value(in place: String) throws -> HeaderValue {
    let kind = try kind(in: place)
    guard kind == .list else { return try scalar(kind, in: place) }
    let element = try self.kind(in: place)
    guard element != .list else {
      throw failure("lists inside lists are not supported", in: place)
    }
    let count = try count(ofAtLeast: element.byteCount ?? 8, in: place)
    let start = position
    if let size = element.byteCount {
      _ = try skip(count * size, in: place)
    } else {
      for _ in 0..<count { _ = try string(in: place) }
    }
    return .list(of: element, count: count, start..<position)
  }

  private mutating func kind(in place: String) throws -> ValueKind {
    let code = try read(UInt32.self, in: place)
    guard let kind = ValueKind(rawValue: code) else {
      throw failure("unknown value type \(code)", in: place)
    }
    return kind
  }

  mutating func scalar(_ kind: ValueKind, in place: String) throws -> HeaderValue {
    switch kind {
    case .uint8: return .integer(Int64(try read(UInt8.self, in: place)))
    case .int8: return .integer(Int64(try read(Int8.self, in: place)))
    case .uint16: return .integer(Int64(try read(UInt16.self, in: place)))
    case .int16: return .integer(Int64(try read(Int16.self, in: place)))
    case .uint32: return .integer(Int64(try read(UInt32.self, in: place)))
    case .int32: return .integer(Int64(try read(Int32.self, in: place)))
    case .int64: return .integer(try read(Int64.self, in: place))
    case .uint64:
      let value = try read(UInt64.self, in: place)
      return Int64(exactly: value).map { .integer($0) } ?? .large(value)
    case .float32: return .real32(Float(bitPattern: try read(UInt32.self, in: place)))
    case .float64: return .real64(Double(bitPattern: try read(UInt64.self, in: place)))
    case .bool:
      let value = try read(UInt8.self, in: place)
      guard value <= 1 else { throw failure("a boolean of value \(value)", in: place) }
      return .bool(value == 1)
    case .string: return .string(try string(in: place))
    case .list: preconditionFailure("lists are read by value(in:)")
    }
  }
}
