// The records of a torch archive: a zip file whose entries are stored as they are. Nothing is ever
// unpacked, so no entry can grow; every place and size is checked against the file before it is
// believed. Zip64, since weights are large.
import Essentials

struct ZipDirectory {
  /// Where each record's bytes are in the file.
  private(set) var records: [String: Range<Int>] = [:]

  /// Far more than any model has tensors.
  private static let entryLimit = 1_000_000

  /// - Parameter file: the whole file.
  init(_ file: UnsafeRawBufferPointer, path: String) throws {
    let bytes = CheckedBytes(file, path: path)
    let (count, start, end) = try Self.directory(bytes)
    guard count <= Self.entryLimit else { throw bytes.failure("it claims \(count) records") }
    var position = start
    for _ in 0..<count {
      let (name, range, next) = try Self.entry(bytes, at: position, before: end)
      guard records.updateValue(range, forKey: name) == nil else {
        throw bytes.failure("the record '\(name)' is there twice")
      }
      position = next
    }
    try refuseOverlaps(bytes, directory: start)
  }

  /// The central directory: how many entries, from where, up to where.
  private static func directory(_ bytes: CheckedBytes) throws -> (count: Int, start: Int, end: Int)
  {
    let size = bytes.count
    // The last record may end with a comment of up to 65,535 bytes.
    var place = size - 22
    while place >= max(0, size - 22 - 65_535) {
      if try bytes.number(place, 4) == 0x0605_4B50,
        try place + 22 + bytes.number(place + 20, 2) == size
      {
        break
      }
      place -= 1
    }
    guard place >= max(0, size - 22 - 65_535) else {
      throw bytes.failure("it has no directory: it may be cut off")
    }
    var count = try bytes.number(place + 10, 2)
    var length = try bytes.number(place + 12, 4)
    var start = try bytes.number(place + 16, 4)
    var end = place
    // torch writes the zip64 directory always, small archives too.
    let locator = place - 20
    if locator >= 0, try bytes.number(locator, 4) == 0x0706_4B50 {
      let large = try bytes.number(locator + 8, 8)
      guard try bytes.number(large, 4) == 0x0606_4B50 else {
        throw bytes.failure("its zip64 directory is missing")
      }
      count = try bytes.number(large + 32, 8)
      length = try bytes.number(large + 40, 8)
      start = try bytes.number(large + 48, 8)
      end = large
    }
    guard start <= end, length == end - start else {
      throw bytes.failure("its directory is not where it says")
    }
    return (count, start, end)
  }

  /// One entry of the directory: its name, where its bytes are, where the next entry is.
  private static func entry(_ bytes: CheckedBytes, at place: Int, before end: Int) throws -> (
    name: String, range: Range<Int>, next: Int
  ) {
    guard end - place >= 46, try bytes.number(place, 4) == 0x0201_4B50 else {
      throw bytes.failure("its directory has fewer records than it claims")
    }
    let flags = try bytes.number(place + 8, 2)
    let method = try bytes.number(place + 10, 2)
    var packed = try bytes.number(place + 20, 4)
    var size = try bytes.number(place + 24, 4)
    let nameLength = try bytes.number(place + 28, 2)
    let extraLength = try bytes.number(place + 30, 2)
    let commentLength = try bytes.number(place + 32, 2)
    var local = try bytes.number(place + 42, 4)
    let next = place + 46 + nameLength + extraLength + commentLength
    guard next <= end else { throw bytes.failure("an entry ends beyond its directory") }
    let name = try bytes.text(place + 46, nameLength)
    // The 64-bit values that did not fit, in this order.
    var large = try bytes.extraField(1, in: place + 46 + nameLength, extraLength)
    func widened(_ value: Int) throws -> Int {
      guard value == 0xFFFF_FFFF else { return value }
      guard let field = large, field.count >= 8 else {
        throw bytes.failure("the size of the record '\(name)' is missing")
      }
      large = field.dropFirst(8)
      return try bytes.number(field.lowerBound, 8)
    }
    size = try widened(size)
    packed = try widened(packed)
    local = try widened(local)
    guard method == 0, flags & 1 == 0, packed == size else {
      throw bytes.failure(
        "the record '\(name)' is compressed or encrypted; torch.save stores records plain")
    }
    guard try bytes.number(local, 4) == 0x0403_4B50 else {
      throw bytes.failure("the record '\(name)' is not where the directory says")
    }
    let data =
      try local + 30 + bytes.number(local + 26, 2) + bytes.number(local + 28, 2)
    guard data <= bytes.count, size <= bytes.count - data else {
      throw bytes.failure("the record '\(name)' ends beyond the file")
    }
    return (name, data..<data + size, next)
  }

  private func refuseOverlaps(_ bytes: CheckedBytes, directory: Int) throws {
    var position = 0
    for (name, range) in records.sorted(by: { $0.value.lowerBound < $1.value.lowerBound }) {
      guard range.lowerBound >= position, range.upperBound <= directory else {
        throw bytes.failure("the record '\(name)' overlaps another")
      }
      position = range.upperBound
    }
  }
}

/// Bytes of a file that may be anyone's, read within their bounds.
struct CheckedBytes {
  private let bytes: UnsafeRawBufferPointer
  private let path: String
  var count: Int { bytes.count }

  init(_ bytes: UnsafeRawBufferPointer, path: String) {
    self.bytes = bytes
    self.path = path
  }

  func failure(_ message: String) -> TuneError {
    TuneError(
      .malformedFile, "not a sound torch archive: " + message,
      remedy: "The file may be truncated: download or write it again.", at: .init(file: path))
  }

  /// A little-endian number of up to 8 bytes that fits an Int.
  func number(_ place: Int, _ size: Int) throws -> Int {
    guard place >= 0, size <= bytes.count, place <= bytes.count - size else {
      throw failure("it ends in the middle of a number")
    }
    var value: UInt64 = 0
    for index in (0..<size).reversed() { value = value << 8 | UInt64(bytes[place + index]) }
    // Bounded so that sums of a few of them cannot overflow.
    guard value < 1 << 60 else { throw failure("it claims a size of \(value) bytes") }
    return Int(value)
  }

  func text(_ place: Int, _ size: Int) throws -> String {
    guard place >= 0, size <= bytes.count, place <= bytes.count - size,
      let text = String(validating: bytes[place..<place + size], as: UTF8.self)
    else { throw failure("a name is not UTF-8") }
    return text
  }

  /// The extra field of a kind; nil where there is none.
  func extraField(_ kind: Int, in place: Int, _ size: Int) throws -> Range<Int>? {
    var position = place
    while position + 4 <= place + size {
      let (found, length) = (try number(position, 2), try number(position + 2, 2))
      let field = position + 4..<position + 4 + length
      guard field.upperBound <= place + size else { return nil }
      if found == kind { return field }
      position = field.upperBound
    }
    return nil
  }
}
