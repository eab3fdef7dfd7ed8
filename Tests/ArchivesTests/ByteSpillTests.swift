// Unpacked bytes stay in memory or go to a file, and read back alike.
import Essentials
import TestSupport
import Testing

@testable import Archives

@Suite struct ByteSpillTests {
  @Test func whatIsUnpackedGoesToDiskWhenItIsMuch() throws {
    for limit in [10, 1000, 1 << 20] {
      var spill = ByteSpill(of: "x", memoryLimit: limit)
      var expected: [UInt8] = []
      for index in 0..<500 {
        let piece = [UInt8](repeating: UInt8(index % 251), count: index % 13)
        expected += piece
        try piece.withUnsafeBytes { try spill.append($0) }
      }
      let stored = try spill.finish()
      #expect(stored.count == expected.count)
      #expect(stored.isInMemory == (limit > expected.count))
      for start in stride(from: 0, to: expected.count, by: 97) {
        let count = min(60, expected.count - start)
        #expect(try stored.bytes(at: start, count: count) == Array(expected[start..<start + count]))
      }
      for (offset, count) in [(-1, 1), (expected.count, 1), (0, expected.count + 1), (0, -1)] {
        #expect(try tuneError { _ = try stored.bytes(at: offset, count: count) }.code == .data)
      }
    }
  }
}
