// A data file from its start to its end, unpacked on the way when it is packed. Memory stays
// at two chunks. How much a packed file may unpack to is bounded, so that a few bytes made for it
// cannot fill a disk.
import Essentials
import Foundation

/// How far a packed file may unpack: well beyond what text packs to, well below a bomb.
package struct UnpackingLimit: Sendable {
  /// Times the packed size.
  var ratio = 200
  /// So many bytes are always allowed.
  var floor = 256 << 20
  package static let standard = UnpackingLimit()

  package func bytes(packed: Int) -> Int {
    let (product, overflow) = packed.multipliedReportingOverflow(by: ratio)
    return max(floor, overflow ? .max : product)
  }
}

package final class UnpackedFile {
  package let path: String
  package let isPacked: Bool
  private let descriptor: Int32
  private let packedSize: Int
  private let limit: Int
  private let unpacker: (any Unpacker)?
  private var input: [UInt8]
  private var inputRange = 0..<0
  private var inputEnded = false
  private var unpackedCount = 0

  /// - Parameter formats: those that the file may be packed in; otherwise its bytes are taken as they are.
  /// - Throws: `TuneError` when the file cannot be opened.
  package init(path: String, formats: [PackedFormat], limit: UnpackingLimit = .standard) throws {
    self.path = path
    (descriptor, packedSize) = try RegularFile.open(path)
    self.limit = limit.bytes(packed: packedSize)
    var magic = [UInt8](repeating: 0, count: 4)
    let count = pread(descriptor, &magic, 4, 0)
    do {
      let start = magic.prefix(max(0, count))
      unpacker = try formats.first { $0.isAt(start) }?.unpacker()
    } catch {
      close(descriptor)
      throw error
    }
    isPacked = unpacker != nil
    input = isPacked ? [UInt8](repeating: 0, count: 256 << 10) : []
  }
  deinit { close(descriptor) }

  /// Fills `output` from its start with the next bytes.
  /// - Returns: how many; 0 only at the end.
  package func read(into output: UnsafeMutableRawBufferPointer) throws -> Int {
    guard let unpacker else { return try readDataFile(descriptor, output, path) }
    while true {
      if inputRange.isEmpty, !inputEnded {
        let count = try input.withUnsafeMutableBytes { try readDataFile(descriptor, $0, path) }
        inputRange = 0..<count
        inputEnded = count == 0
      }
      let (taken, made) = try step(unpacker, output)
      inputRange = inputRange.lowerBound + taken..<inputRange.upperBound
      unpackedCount += made
      guard unpackedCount <= limit else { throw tooMuch() }
      if made > 0 { return made }
      guard inputEnded else {
        guard taken > 0 || inputRange.isEmpty else { throw failure("the packed data is broken") }
        continue
      }
      guard unpacker.isComplete else { throw failure("the packed data ends too early") }
      return 0
    }
  }

  private func step(
    _ unpacker: any Unpacker, _ output: UnsafeMutableRawBufferPointer
  ) throws -> (taken: Int, made: Int) {
    // At the end there may still be output waiting inside.
    if inputRange.isEmpty, unpacker.isComplete { return (0, 0) }
    do {
      return try input.withUnsafeBytes {
        try unpacker.unpack(UnsafeRawBufferPointer(rebasing: $0[inputRange]), into: output)
      }
    } catch let error as MalformedBytes {
      throw failure(error.message)
    }
  }

  private func tooMuch() -> TuneError {
    failure(
      "the file has \(packedSize) bytes and unpacks to more than \(limit), which no real text does",
      remedy: "If you trust the file, unpack it yourself and name the unpacked file.")
  }
  private func failure(_ message: String, remedy: String? = nil) -> TuneError {
    TuneError(
      .malformedFile, message, remedy: remedy ?? "Fetch or make the file again.",
      at: .init(file: path))
  }
}

private func readDataFile(
  _ descriptor: Int32, _ output: UnsafeMutableRawBufferPointer, _ path: String
) throws -> Int {
  while true {
    let count = read(descriptor, output.baseAddress, output.count)
    if count >= 0 { return count }
    guard errno == EINTR else {
      throw TuneError(
        .malformedFile, "cannot read the file: \(String(cString: strerror(errno)))",
        at: .init(file: path))
    }
  }
}
