// Reads a GGUF header from front to back. No size that the file claims is believed before the bytes
// are there, so nothing is reserved on its word.
import Essentials

struct HeaderCursor {
  let bytes: UnsafeRawBufferPointer
  let path: String
  private(set) var position = 0

  init(_ bytes: UnsafeRawBufferPointer, path: String) {
    self.bytes = bytes
    self.path = path
  }

  var remaining: Int { bytes.count - position }

  /// - Parameter place: what is being read, for the message.
  func failure(_ message: String, in place: String) -> TuneError {
    TuneError(
      .malformedFile, "not a sound GGUF file: \(place): \(message)",
      remedy: "The file may be truncated or damaged: download it again.", at: .init(file: path))
  }

  mutating func skip(_ count: Int, in place: String) throws -> Range<Int> {
    guard count >= 0, count <= remaining else {
      throw failure("it takes \(count) bytes, but \(remaining) are left", in: place)
    }
    position += count
    return position - count..<position
  }

  /// Little-endian, at any alignment.
  mutating func read<T: FixedWidthInteger>(_ type: T.Type, in place: String) throws -> T {
    let range = try skip(MemoryLayout<T>.size, in: place)
    return T(littleEndian: bytes.loadUnaligned(fromByteOffset: range.lowerBound, as: T.self))
  }

  /// A count of things of at least `size` bytes each, all of which must still be there.
  mutating func count(ofAtLeast size: Int, in place: String) throws -> Int {
    let claimed = try read(UInt64.self, in: place)
    guard claimed <= UInt64(remaining / size) else {
      throw failure("it claims \(claimed) entries, more than the file can hold", in: place)
    }
    return Int(claimed)
  }

  /// The bytes of a string, after its length.
  mutating func string(in place: String) throws -> Range<Int> {
    let length = try read(UInt64.self, in: place)
    guard length <= UInt64(remaining) else {
      throw failure("a string claims \(length) bytes, but \(remaining) are left", in: place)
    }
    return try skip(Int(length), in: place)
  }

  /// A name: short, not empty, and UTF-8.
  mutating func name(limit: Int, in place: String) throws -> String {
    let range = try string(in: place)
    guard !range.isEmpty, range.count <= limit else {
      throw failure("a name of \(range.count) bytes; 1 to \(limit) are allowed", in: place)
    }
    guard let name = String(validating: bytes[range], as: UTF8.self) else {
      throw failure("a name that is not UTF-8", in: place)
    }
    return name
  }
}
