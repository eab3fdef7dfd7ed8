// The part of a file that is being looked at: it slides over the file, and grows only where one
// record is larger. Places are offsets from the start of the unpacked file.
import Archives
import Essentials

/// A set of bytes to look for.
struct ByteSet: Sendable {
  fileprivate let contains: [Bool]
  init(_ bytes: UInt8...) { self.init(bytes) }
  init(_ bytes: some Sequence<UInt8>) {
    var contains = [Bool](repeating: false, count: 256)
    for byte in bytes { contains[Int(byte)] = true }
    self.contains = contains
  }
  var inverted: ByteSet { ByteSet((0..<256).filter { !contains[$0] }.map { UInt8($0) }) }
}

final class ByteWindow {
  let file: UnpackedFile
  private let limit: Int
  private var buffer: [UInt8]
  /// The bytes loaded, as offsets in the file.
  private var loaded = 0..<0
  /// Where `loaded` begins in the buffer.
  private var start = 0
  private var hasEnded = false

  /// Of a record, in bytes. A record takes several times its size on its way to tokens.
  static let largestRecord = 128 << 20

  /// - Parameters:
  ///   - limit: the largest record, in bytes.
  init(_ file: UnpackedFile, limit: Int = largestRecord, chunk: Int = 256 << 10) {
    self.file = file
    self.limit = limit
    buffer = [UInt8](repeating: 0, count: chunk)
  }

  /// How much of the file it can hold now.
  var capacity: Int { buffer.count }

  /// The byte at a place, nil behind the end.
  func byte(at offset: Int) throws -> UInt8? {
    while offset >= loaded.upperBound { if try !load() { return nil } }
    return buffer[start + offset - loaded.lowerBound]
  }

  /// The first byte of the set at or behind `offset`, nil when there is none.
  func first(_ set: ByteSet, from offset: Int) throws -> Int? {
    var offset = offset
    while true {
      let range = max(offset, loaded.lowerBound)..<max(loaded.upperBound, offset)
      let shift = start - loaded.lowerBound
      let found = buffer.withUnsafeBufferPointer { bytes in
        set.contains.withUnsafeBufferPointer { contains in
          range.first { contains[Int(bytes[$0 + shift])] }
        }
      }
      if let found { return found }
      offset = range.upperBound
      if try !load() { return nil }
    }
  }

  /// Where the file ends; loads all up to there.
  func end() throws -> Int {
    while try load() {}
    return loaded.upperBound
  }

  /// What lies before `offset` is not needed any more.
  func discard(before offset: Int) {
    let count = min(max(0, offset - loaded.lowerBound), loaded.count)
    start += count
    loaded = loaded.lowerBound + count..<loaded.upperBound
  }

  /// Bytes that were found and not discarded.
  func withBytes<R>(_ range: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R
  {
    let range = range.clamped(to: loaded)
    let shift = start - loaded.lowerBound
    return try buffer.withUnsafeBytes {
      try body(
        UnsafeRawBufferPointer(
          rebasing: $0[range.lowerBound + shift..<range.upperBound + shift]))
    }
  }

  func newlines(in range: Range<Int>) -> Int {
    withBytes(range) { bytes in bytes.reduce(into: 0) { $0 += $1 == 0x0A ? 1 : 0 } }
  }

  private func load() throws -> Bool {
    if hasEnded { return false }
    if start > 0, start + loaded.count == buffer.count {
      let (from, count) = (start, loaded.count)
      buffer.withUnsafeMutableBytes { bytes in
        guard let base = bytes.baseAddress, count > 0 else { return }
        base.copyMemory(from: base + from, byteCount: count)
      }
      start = 0
    }
    if start + loaded.count == buffer.count {
      guard buffer.count < limit else {
        throw TuneError(
          .data, "a record has more than \(limit) bytes",
          remedy: "Split it, or check that the file is what its name says.",
          at: .init(file: file.path))
      }
      buffer += [UInt8](repeating: 0, count: min(buffer.count, limit - buffer.count))
    }
    let place = start + loaded.count
    let count = try buffer.withUnsafeMutableBytes {
      try file.read(into: UnsafeMutableRawBufferPointer(rebasing: $0[place...]))
    }
    hasEnded = count == 0
    loaded = loaded.lowerBound..<loaded.upperBound + count
    return count > 0
  }
}
