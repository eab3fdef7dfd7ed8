// gzip and zstd, a chunk at a time. Nothing is allocated on a file's word: a chunk of output is as
// large as the caller's buffer, whatever the input claims to hold.
import CZlib
import CZstd

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

package final class ZstdUnpacker: Unpacker {
  private let context: OpaquePointer
  package private(set) var isComplete = true

  package init() throws {
    // The library's own bound on a frame's window (128 MiB) stays in force.
    guard let context = ZSTD_createDCtx() else { throw MalformedBytes("zstd cannot be started") }
    self.context = context
  }
  deinit { ZSTD_freeDCtx(context) }

  package func unpack(
    _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
  ) throws -> (taken: Int, made: Int) {
    var from = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
    var to = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
    let status = ZSTD_decompressStream(context, &to, &from)
    if ZSTD_isError(status) != 0 {
      throw MalformedBytes(
        "the zstd data is broken: \(String(cString: ZSTD_getErrorName(status)))")
    }
    isComplete = status == 0
    return (from.pos, to.pos)
  }
}
