// Google's protobuf wire format, as far as a SentencePiece model needs it: the fields of a message
// one by one, each with its number and its value. Every length is checked against what is left.
import Essentials

struct ProtobufReader {
  enum Value {
    case integer(UInt64)
    case fixed32(UInt32)
    case fixed64(UInt64)
    case bytes(UnsafeRawBufferPointer)
  }
  private let bytes: UnsafeRawBufferPointer
  private let file: String
  private var position = 0

  /// Valid while `bytes` is.
  init(_ bytes: UnsafeRawBufferPointer, file: String) {
    self.bytes = bytes
    self.file = file
  }

  /// nil at the end of the message.
  /// - Throws: `TuneError` `.malformedFile`.
  mutating func next() throws -> (field: Int, value: Value)? {
    if position == bytes.count { return nil }
    let tag = try varint()
    let field = Int(truncatingIfNeeded: tag >> 3)
    guard (1...0x1FFF_FFFF).contains(field) else { throw broken("a field has no number") }
    switch tag & 7 {
    case 0: return (field, .integer(try varint()))
    case 1: return (field, .fixed64(try fixed(UInt64.self)))
    case 2:
      let count = try varint()
      guard count <= UInt64(bytes.count - position) else {
        throw broken("a field is longer than the file")
      }
      return (field, .bytes(UnsafeRawBufferPointer(rebasing: try take(Int(count)))))
    case 5: return (field, .fixed32(try fixed(UInt32.self)))
    case let kind: throw broken("a field is of the unknown kind \(kind)")
    }
  }

  private mutating func varint() throws -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      guard position < bytes.count else { throw broken("it ends inside a number") }
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    throw broken("a number has more than 64 bits")
  }

  private mutating func fixed<Word: FixedWidthInteger>(_: Word.Type) throws -> Word {
    let part = UnsafeRawBufferPointer(rebasing: try take(Word.bitWidth / 8))
    return Word(littleEndian: part.loadUnaligned(as: Word.self))
  }

  private mutating func take(_ count: Int) throws -> Slice<UnsafeRawBufferPointer> {
    guard count <= bytes.count - position else { throw broken("it is cut off") }
    defer { position += count }
    return bytes[position..<position + count]
  }

  private func broken(_ what: String) -> TuneError {
    TuneError(
      .malformedFile, "not a SentencePiece model: \(what)",
      remedy: "The tokenizer.model of SentencePiece is needed; download it again if it is one.",
      at: .init(file: file))
  }
}

extension ProtobufReader.Value {
  /// A varint of any declared width, as protobuf narrows it.
  var bool: Bool? { if case .integer(let value) = self { value != 0 } else { nil } }
  var int32: Int32? {
    if case .integer(let value) = self { Int32(truncatingIfNeeded: value) } else { nil }
  }
  var float: Float? {
    if case .fixed32(let value) = self { Float(bitPattern: value) } else { nil }
  }
  var bytes: UnsafeRawBufferPointer? { if case .bytes(let value) = self { value } else { nil } }
}
