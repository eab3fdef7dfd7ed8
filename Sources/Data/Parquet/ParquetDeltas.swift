// Parquet's delta encodings: numbers as differences, and texts by their lengths and what they share
// with the text before.
// Source: the Apache Parquet format's description of encodings.
import Archives

/// DELTA_BINARY_PACKED.
struct DeltaIntegers: ParquetValues {
  private(set) var cursor: ByteCursor
  private let is32: Bool
  private let perBlock: Int
  private let perMini: Int
  /// Values not given yet.
  private(set) var left: Int
  private var value: Int64
  private var isFirst = true
  private var least: Int64 = 0
  private var widths: ArraySlice<UInt8> = []
  private var miniLeft = 0
  private var width = 0
  private var bits: UInt128 = 0
  private var bitCount = 0

  init(_ cursor: ByteCursor, is32: Bool = false) throws {
    var cursor = cursor
    perBlock = try cursor.count(limit: 1 << 24, of: "values in a block")
    let minis = try cursor.count(limit: 1 << 16, of: "parts of a block")
    guard minis > 0, perBlock > 0, perBlock % minis == 0, perBlock / minis % 8 == 0 else {
      throw MalformedBytes("a block of numbers has a wrong size")
    }
    perMini = perBlock / minis
    left = try cursor.count(limit: Int(Int32.max), of: "values")
    value = try cursor.zigzag()
    self.is32 = is32
    self.cursor = cursor
  }

  mutating func next() throws -> ParquetValue { .int(try nextInteger()) }

  mutating func nextInteger() throws -> Int64 {
    guard left > 0 else { throw MalformedBytes("the data ends too early") }
    left -= 1
    if isFirst {
      isFirst = false
    } else {
      let step = try delta()
      value = value &+ least &+ step
      if is32 { value = Int64(Int32(truncatingIfNeeded: value)) }
    }
    return value
  }

  private mutating func delta() throws -> Int64 {
    if miniLeft == 0 {
      if widths.isEmpty {
        least = try cursor.zigzag()
        widths = try cursor.slice(perBlock / perMini)
      }
      width = Int(widths.removeFirst())
      guard width <= 64 else { throw MalformedBytes("a bit width is wrong") }
      miniLeft = perMini
      (bits, bitCount) = (0, 0)
    }
    miniLeft -= 1
    while bitCount < width {
      bits |= UInt128(try cursor.byte()) << UInt128(bitCount)
      bitCount += 8
    }
    let delta = UInt64(truncatingIfNeeded: bits & (UInt128(1) << UInt128(width) - 1))
    bits >>= UInt128(width)
    bitCount -= width
    return Int64(bitPattern: delta)
  }

  /// Goes through the values that are left, to where the next part of the page begins.
  mutating func finish() throws {
    while left > 0 {
      if miniLeft > 0, width == 0 {
        // Nothing is stored for them: such a run may be long for nothing.
        let step = min(miniLeft, left)
        miniLeft -= step
        left -= step
        continue
      }
      _ = try nextInteger()
    }
    // The last part that has values is filled up; those behind it are not there.
    if miniLeft > 0 { _ = try cursor.take((width * perMini + 7) / 8 - consumed) }
  }

  /// Bytes of the open part that were read.
  private var consumed: Int { ((perMini - miniLeft) * width + 7) / 8 }
}

/// DELTA_LENGTH_BYTE_ARRAY: all lengths, then all bytes.
struct DeltaLengthValues: ParquetValues {
  private var lengths: DeltaIntegers
  private var data: ByteCursor

  init(_ cursor: ByteCursor) throws {
    lengths = try DeltaIntegers(cursor)
    var passed = lengths
    try passed.finish()
    data = passed.cursor.rest
  }

  mutating func nextBytes() throws -> ArraySlice<UInt8> {
    let length = try lengths.nextInteger()
    guard (0...Int64(Int32.max)).contains(length) else { throw MalformedBytes("a length is wrong") }
    return try data.slice(Int(length))
  }
  mutating func next() throws -> ParquetValue { .bytes(try nextBytes()) }
}

/// DELTA_BYTE_ARRAY: how much each text shares with the one before, then the rest of each.
struct DeltaByteValues: ParquetValues {
  private var shared: DeltaIntegers
  private var rests: DeltaLengthValues
  private var last: [UInt8] = []

  init(_ cursor: ByteCursor) throws {
    shared = try DeltaIntegers(cursor)
    var passed = shared
    try passed.finish()
    rests = try DeltaLengthValues(passed.cursor.rest)
  }

  mutating func next() throws -> ParquetValue {
    let count = try shared.nextInteger()
    guard count >= 0, count <= Int64(last.count) else { throw MalformedBytes("a prefix is wrong") }
    last.removeSubrange(Int(count)...)
    last += try rests.nextBytes()
    return .bytes(last[...])
  }
}
