// zstd, a chunk at a time. Apart from Archives, so that programs which read no data do not link its library.
import Archives
import CZstd

extension PackedFormat {
  /// Frames with data, and those to be skipped.
  package static let zstd = PackedFormat { start in
    let skipped: ClosedRange<UInt8> = 0x50...0x5F
    return start.starts(with: [0x28, 0xB5, 0x2F, 0xFD])
      || start.first.map(skipped.contains) == true
        && start.dropFirst().starts(with: [0x2A, 0x4D, 0x18])
  } unpacker: {
    try ZstdUnpacker()
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
