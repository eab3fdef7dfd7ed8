// Unpacking a page. Its size is known from its head, so no more than that is ever made.
import Archives
import CSnappy
import Zstandard

extension ParquetCodec {
  /// - Throws: `MalformedBytes` when the bytes do not unpack to exactly `size`.
  func unpack(_ bytes: ArraySlice<UInt8>, size: Int) throws -> [UInt8] {
    switch self {
    case .none:
      guard bytes.count == size else { throw Self.wrongSize }
      return Array(bytes)
    case .snappy: return try unpackSnappy(bytes, size)
    case .gzip: return try unpack(bytes, size, with: GzipUnpacker())
    case .zstd: return try unpack(bytes, size, with: ZstdUnpacker())
    case .lzo, .brotli, .lz4, .lz4Raw:
      throw MalformedBytes("the compression \(self) is not supported; use zstd, snappy or gzip")
    }
  }

  private func unpackSnappy(_ bytes: ArraySlice<UInt8>, _ size: Int) throws -> [UInt8] {
    if size == 0 { return [] }
    return try bytes.withUnsafeBytes { raw in
      let input = raw.bindMemory(to: CChar.self).baseAddress
      var stated = 0
      guard snappy_uncompressed_length(input, raw.count, &stated) == SNAPPY_OK, stated == size
      else { throw Self.wrongSize }
      return try [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
        let status = buffer.withMemoryRebound(to: CChar.self) {
          snappy_uncompress(input, raw.count, $0.baseAddress, &stated)
        }
        guard status == SNAPPY_OK, stated == size else {
          throw MalformedBytes("the snappy data is broken")
        }
        count = size
      }
    }
  }

  private func unpack(
    _ bytes: ArraySlice<UInt8>, _ size: Int, with unpacker: any Unpacker
  ) throws -> [UInt8] {
    if size == 0 { return [] }
    return try bytes.withUnsafeBytes { input in
      try [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
        let output = UnsafeMutableRawBufferPointer(buffer)
        var taken = 0
        while count < size {
          let step = try unpacker.unpack(
            UnsafeRawBufferPointer(rebasing: input[taken...]),
            into: UnsafeMutableRawBufferPointer(rebasing: output[count...]))
          guard step.taken + step.made > 0 else { throw Self.wrongSize }
          taken += step.taken
          count += step.made
        }
        try finish(unpacker, input[taken...])
      }
    }
  }

  /// What is packed ends with a checksum, which is only compared when it is read to its end.
  private func finish(_ unpacker: any Unpacker, _ rest: Slice<UnsafeRawBufferPointer>) throws {
    var rest = rest
    var spare: UInt8 = 0
    while !unpacker.isComplete {
      let step = try withUnsafeMutableBytes(of: &spare) {
        try unpacker.unpack(UnsafeRawBufferPointer(rebasing: rest), into: $0)
      }
      guard step.made == 0, step.taken > 0 || unpacker.isComplete else { throw Self.wrongSize }
      rest = rest.dropFirst(step.taken)
    }
  }

  private static var wrongSize: MalformedBytes {
    MalformedBytes("a page has another size than its head says")
  }
}
