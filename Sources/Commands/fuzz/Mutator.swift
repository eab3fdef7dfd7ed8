// Broken inputs from whole ones: bits, bytes, runs and blocks of them, numbers at the edges of their range in
// binary and in decimal, words of the format, and pieces of other inputs.

struct Mutator {
  /// What the format is written with.
  let words: [[UInt8]]
  /// Whole inputs, to take pieces of.
  let seeds: [[UInt8]]
  private static let longest = 512 << 10

  /// One change, and with half the chance another, and so on.
  func mutated(_ bytes: [UInt8], _ chance: inout Chance) -> [UInt8] {
    var bytes = bytes
    repeat {
      change(&bytes, &chance)
      if bytes.count > Self.longest { bytes.removeLast(bytes.count - Self.longest) }
    } while chance.isOne(in: 2)
    return bytes
  }

  private func change(_ bytes: inout [UInt8], _ chance: inout Chance) {
    guard !bytes.isEmpty else {
      bytes = chance.pick(seeds)
      return
    }
    let place = chance.below(bytes.count)
    switch chance.below(14) {
    case 0: bytes[place] ^= 1 << chance.below(8)
    case 1: bytes[place] = UInt8(truncatingIfNeeded: chance.next())
    case 2: bytes[place] = chance.pick(Self.edgeBytes)
    case 3: replaceNumber(&bytes, at: place, &chance)
    case 4: replaceDigits(&bytes, from: place, &chance)
    case 5: bytes.removeSubrange(stretch(bytes, place, &chance))
    case 6: bytes.insert(contentsOf: bytes[stretch(bytes, place, &chance)], at: place)
    case 7: repeatStretch(&bytes, stretch(bytes, place, &chance), &chance)
    case 8:
      let range = stretch(bytes, place, &chance)
      let byte = chance.isOne(in: 2) ? 0 : UInt8(truncatingIfNeeded: chance.next())
      bytes.replaceSubrange(range, with: [UInt8](repeating: byte, count: range.count))
    case 9: splice(&bytes, at: place, &chance)
    case 10 where chance.isOne(in: 3): bytes.removeSubrange(place...)
    case 11: swapStretches(&bytes, at: place, &chance)
    default: putWord(&bytes, at: place, &chance)
    }
  }

  private func stretch(_ bytes: [UInt8], _ place: Int, _ chance: inout Chance) -> Range<Int> {
    let longest = chance.pick([1, 2, 4, 8, 16, 64, 1024])
    return place..<min(bytes.count, place + 1 + chance.below(longest))
  }

  private func repeatStretch(_ bytes: inout [UInt8], _ range: Range<Int>, _ chance: inout Chance) {
    let times = chance.pick([1, 2, 3, 10, 100, 300, 3000])
    let piece = Array(bytes[range].prefix(32))
    bytes.insert(contentsOf: (0..<times).flatMap { _ in piece }, at: range.lowerBound)
  }

  private func splice(_ bytes: inout [UInt8], at place: Int, _ chance: inout Chance) {
    let other = chance.pick(seeds)
    guard !other.isEmpty else { return }
    let piece = other[stretch(other, chance.below(other.count), &chance)]
    if chance.isOne(in: 2) {
      bytes.insert(contentsOf: piece, at: place)
    } else {
      bytes.replaceSubrange(place..<min(bytes.count, place + piece.count), with: piece)
    }
  }

  private func swapStretches(_ bytes: inout [UInt8], at place: Int, _ chance: inout Chance) {
    let other = chance.below(bytes.count)
    for offset in 0..<chance.pick([1, 4, 8, 24]) where max(place, other) + offset < bytes.count {
      bytes.swapAt(place + offset, other + offset)
    }
  }

  private func putWord(_ bytes: inout [UInt8], at place: Int, _ chance: inout Chance) {
    guard !words.isEmpty else {
      bytes[place] ^= 1 << chance.below(8)
      return
    }
    let word = chance.pick(words)
    if chance.isOne(in: 2) {
      bytes.insert(contentsOf: word, at: place)
    } else {
      bytes.replaceSubrange(place..<min(bytes.count, place + word.count), with: word)
    }
  }

  /// A binary number of 1, 2, 4 or 8 bytes at the edge of a type, or a little more or less than it was.
  private func replaceNumber(_ bytes: inout [UInt8], at place: Int, _ chance: inout Chance) {
    let size = min(chance.pick([1, 2, 4, 8]), bytes.count - place)
    var value: UInt64 = 0
    for index in (0..<size).reversed() { value = value << 8 | UInt64(bytes[place + index]) }
    if chance.isOne(in: 3) {
      value = value &+ UInt64(chance.below(33)) &- 16
    } else {
      value = chance.pick(Self.edges) &+ UInt64(chance.below(3)) &- 1
    }
    let isBigEndian = chance.isOne(in: 4)
    for index in 0..<size {
      bytes[place + (isBigEndian ? size - 1 - index : index)] = UInt8(
        truncatingIfNeeded: value >> (8 * UInt64(index)))
    }
  }

  /// The next decimal number of a text becomes another.
  private func replaceDigits(_ bytes: inout [UInt8], from place: Int, _ chance: inout Chance) {
    func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }
    guard let start = bytes[place...].firstIndex(where: isDigit) else {
      bytes[place] = UInt8(truncatingIfNeeded: chance.next())
      return
    }
    let end = bytes[start...].firstIndex { !isDigit($0) } ?? bytes.count
    bytes.replaceSubrange(start..<end, with: Array(chance.pick(Self.edgeTexts).utf8))
  }

  private static let edgeBytes: [UInt8] =
    [0, 1, 9, 10, 13, 32, 34, 39, 44, 47, 58, 91, 92, 93, 123, 125, 127, 128, 192, 237, 244, 255]
  private static let edges: [UInt64] = [
    0, 1, 2, 4, 8, 16, 32, 64, 100, 127, 128, 255, 256, 512, 1000, 1024, 4096, 32767, 32768, 65535,
    65536, 1 << 20, 1 << 24, 1 << 28, 1 << 30, 1 << 31, 1 << 32, 1 << 33, 1 << 40, 1 << 52, 1 << 53,
    1 << 60, 1 << 61, 1 << 62, 1 << 63, .max,
  ]
  private static let edgeTexts = [
    "0", "1", "-1", "2", "3", "7", "8", "16", "64", "100", "127", "128", "255", "256", "1000",
    "65535", "65536", "100000", "1000000", "10000000", "1073741824", "2147483647", "2147483648",
    "4294967295", "4294967296", "1152921504606846976", "4611686018427387904",
    "9223372036854775807", "9223372036854775808", "-9223372036854775808",
    "18446744073709551615", "18446744073709551616", "0.5", "-0.0", "1.5e308", "1e309", "1e-320",
    "1e19", "3.0e9", "NaN", "Infinity", "00", "0x10", "1e5",
  ]
}
