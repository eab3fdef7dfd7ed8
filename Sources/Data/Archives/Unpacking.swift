// gzip, a chunk at a time, and what other formats are to those who read them. Nothing is allocated on a
// file's word: a chunk of output is as large as the caller's buffer, whatever the input claims to hold.
import CZlib

/// Something in a file's bytes that cannot be; who knows the file makes a `TuneError` of it.
package struct MalformedBytes: Error {
  package let message: String
  package init(_ message: String) { self.message = message }
}

package protocol Unpacker: AnyObject {
  /// Moves on in `input` and fills `output` from its start.
  /// - Returns: how many bytes were taken and how many made.
  func unpack(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws -> (taken: Int, made: Int)
  /// The input may end here.
  var isComplete: Bool { get }
}

/// A way of packing whole files, known by their first bytes.
package struct PackedFormat: Sendable {
  let isAt: @Sendable (_ start: ArraySlice<UInt8>) -> Bool
  let unpacker: @Sendable () throws -> any Unpacker

  /// - Parameter isAt: of a file's first four bytes, or fewer where it has no more.
  package init(
    isAt: @escaping @Sendable (_ start: ArraySlice<UInt8>) -> Bool,
    unpacker: @escaping @Sendable () throws -> any Unpacker
  ) {
    self.isAt = isAt
    self.unpacker = unpacker
  }

  package static let gzip = PackedFormat {
    $0.starts(with: [0x1F, 0x8B])
  } unpacker: {
    try GzipUnpacker()
  }
}

/// gzip, and zlib where Parquet has it; several members one after another are one text.
package final class GzipUnpacker: Unpacker {
  private var stream = z_stream()
  package private(set) var isComplete = true

  package init() throws {
    // 15: the largest window; 32: gzip or zlib, as the header says.
    let status = inflateInit2_(
      &stream, 15 + 32, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard status == Z_OK else { throw MalformedBytes("zlib cannot be started") }
  }
  deinit { inflateEnd(&stream) }

  package func unpack(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws -> (taken: Int, made: Int) {
    var rest = input[...]
    if isComplete {
      // Members may be padded with zeros.
      rest = rest.drop { $0 == 0 }
      guard !rest.isEmpty else { return (input.count, 0) }
      guard inflateReset(&stream) == Z_OK else { throw MalformedBytes("zlib cannot go on") }
      isComplete = false
    }
    let bytes = UnsafeRawBufferPointer(rebasing: rest)
    stream.next_in = UnsafeMutablePointer(
      mutating: bytes.bindMemory(to: UInt8.self).baseAddress)
    stream.avail_in = UInt32(clamping: bytes.count)
    stream.next_out = output.bindMemory(to: UInt8.self).baseAddress
    stream.avail_out = UInt32(clamping: output.count)
    let (given, room) = (stream.avail_in, stream.avail_out)
    let status = inflate(&stream, Z_NO_FLUSH)
    switch status {
    case Z_STREAM_END: isComplete = true
    case Z_OK, Z_BUF_ERROR: break
    default: throw MalformedBytes("the gzip data is broken")
    }
    let taken = input.count - bytes.count + Int(given - stream.avail_in)
    return (taken, Int(room - stream.avail_out))
  }
}
