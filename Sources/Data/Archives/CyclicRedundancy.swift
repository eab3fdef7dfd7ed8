// The checksum that gzip, zip and Parquet share.
import CZlib

package enum CyclicRedundancy {
  /// CRC-32.
  package static func checksum(of bytes: [UInt8]) -> UInt32 {
    bytes.withUnsafeBytes { raw in
      var (sum, start) = (crc32(0, nil, 0), 0)
      while start < raw.count {
        let count = min(raw.count - start, 1 << 30)
        let piece = UnsafeRawBufferPointer(rebasing: raw[start..<(start + count)])
        sum = crc32(sum, piece.bindMemory(to: UInt8.self).baseAddress, UInt32(count))
        start += count
      }
      return UInt32(truncatingIfNeeded: sum)
    }
  }
}
