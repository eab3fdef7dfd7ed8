// A tar archive (ustar, with GNU's and POSIX's long names) read from its start to its end. It comes
// from outside: only files and folders are taken, no links and no devices, and only names that stay
// in the folder.
import Essentials
import Foundation

package final class TarArchive {
  package struct Entry {
    package var path: String
    package var size: Int
  }

  private let path: String
  private let source: (UnsafeMutableRawBufferPointer) throws -> Int
  /// Bytes of the present entry, with the padding behind it, that are not read yet.
  private var rest = 0
  private var padding = 0
  private static let block = 512
  private static let longestName = 64 << 10
  private static let largestSize = 1 << 50

  /// - Parameter source: fills a buffer from its start; 0 only at the end.
  package init(path: String, _ source: @escaping (UnsafeMutableRawBufferPointer) throws -> Int) {
    self.path = path
    self.source = source
  }

  /// The next file; what is left of the present one is passed over.
  package func next() throws -> Entry? {
    var longName: String?
    var longSize: Int?
    while true {
      try skip()
      guard let header = try header() else { return nil }
      guard let stated = Self.number(header[124..<136]), stated <= Self.largestSize else {
        throw refused("a file has a size that cannot be")
      }
      let size = longSize ?? stated
      rest = size
      padding = (Self.block - size % Self.block) % Self.block
      let kind = header[156]
      switch kind {
      case UInt8(ascii: "L"):
        longName = Self.text(try whole(size)[...])
      case UInt8(ascii: "x"):
        let records = try Self.records(whole(size)) ?? { throw refused("a header is broken") }()
        if records.keys.contains(where: { $0.hasPrefix("GNU.sparse") }) {
          throw refused("it has sparse files")
        }
        longName = records["path"] ?? longName
        longSize = try records["size"].map {
          guard let size = Int($0), (0...Self.largestSize).contains(size) else {
            throw refused("a file has a size that cannot be")
          }
          return size
        }
      case UInt8(ascii: "g"): break
      case UInt8(ascii: "0"), 0, UInt8(ascii: "7"):
        let name = try safe(longName ?? Self.name(header))
        return Entry(path: name, size: size)
      case UInt8(ascii: "5"): (longName, longSize) = (nil, nil)
      default:
        let name = clean(longName ?? Self.name(header))
        throw refused("'\(name)' is neither a file nor a folder")
      }
    }
  }

  /// Hands over the bytes of the entry that `next` returned.
  package func read(_ entry: Entry, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    let buffer = UnsafeMutableRawBufferPointer.allocate(
      byteCount: min(max(rest, 1), 256 << 10), alignment: 16)
    defer { buffer.deallocate() }
    while rest > 0 {
      let count = try source(UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(rest)))
      guard count > 0 else { throw refused("it ends too early") }
      rest -= count
      try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }
  }

  static func refusal(_ path: String, _ what: String) -> TuneError {
    TuneError(
      .malformedFile, "the archive is refused: \(what)",
      remedy: "Try again later; if it stays, do not use this model.", at: .init(file: path))
  }
  private func refused(_ what: String) -> TuneError { Self.refusal(path, what) }

  private func skip() throws {
    rest += padding
    padding = 0
    try read(Entry(path: "", size: 0)) { _ in }
  }

  private func fill(_ count: Int) throws -> [UInt8] {
    var done = 0
    var bytes = [UInt8](repeating: 0, count: count)
    try bytes.withUnsafeMutableBytes { buffer in
      while done < count {
        let got = try source(UnsafeMutableRawBufferPointer(rebasing: buffer[done...]))
        if got == 0 { return }
        done += got
      }
    }
    return Array(bytes.prefix(done))
  }

  private func whole(_ size: Int) throws -> [UInt8] {
    guard size <= Self.longestName else { throw refused("a name is too long") }
    let bytes = try fill(size)
    guard bytes.count == size else { throw refused("it ends too early") }
    rest = 0
    return bytes
  }

  /// nil at the end: a block of zeros, or no more bytes.
  private func header() throws -> [UInt8]? {
    let bytes = try fill(Self.block)
    if bytes.isEmpty || bytes.count == Self.block && bytes.allSatisfy({ $0 == 0 }) { return nil }
    guard bytes.count == Self.block else { throw refused("it ends too early") }
    // The checksum is counted with spaces in its own place.
    let sum = bytes.indices.reduce(0) { $0 + ((148..<156).contains($1) ? 32 : Int(bytes[$1])) }
    guard Self.number(bytes[148..<156]) == sum else { throw refused("it is not a tar archive") }
    return bytes
  }

  private func safe(_ name: String) throws -> String {
    var name = name[...]
    while name.hasPrefix("./") { name = name.dropFirst(2) }
    guard RemoteFile.isSafe(String(name)) else {
      throw refused("it holds a file named '\(clean(String(name)))'")
    }
    return String(name)
  }

  private static func name(_ header: [UInt8]) -> String {
    let name = text(header[0..<100])
    guard text(header[257..<262]) == "ustar", header[262] == 0 else { return name }
    let prefix = text(header[345..<500])
    return prefix.isEmpty ? name : prefix + "/" + name
  }

  private static func text(_ bytes: ArraySlice<UInt8>) -> String {
    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }

  /// Octal digits, or with the first bit set a number of base 256.
  private static func number(_ field: ArraySlice<UInt8>) -> Int? {
    guard let first = field.first else { return nil }
    var value = 0
    if first & 0x80 != 0 {
      guard first == 0x80 else { return nil }
      for byte in field.dropFirst() {
        guard value < 1 << 54 else { return nil }
        value = value << 8 | Int(byte)
      }
      return value
    }
    let digits = field.drop { $0 == 32 }.prefix { $0 != 0 && $0 != 32 }
    for digit in digits {
      guard (48...55).contains(digit), value < 1 << 54 else { return nil }
      value = value << 3 | Int(digit - 48)
    }
    return value
  }

  /// POSIX's extended header: lines of `<length> <key>=<value>`.
  private static func records(_ bytes: [UInt8]) -> [String: String]? {
    var records: [String: String] = [:]
    var rest = bytes[...]
    while !rest.isEmpty {
      guard let space = rest.firstIndex(of: 32),
        let length = Int(String(decoding: rest[..<space], as: UTF8.self)),
        length > space + 1 - rest.startIndex, length <= rest.count,
        rest[rest.startIndex + length - 1] == 10
      else { return nil }
      let line = rest[(space + 1)..<(rest.startIndex + length - 1)]
      guard let equals = line.firstIndex(of: UInt8(ascii: "=")) else { return nil }
      records[String(decoding: line[..<equals], as: UTF8.self)] = String(
        decoding: line[(equals + 1)...], as: UTF8.self)
      rest = rest.dropFirst(length)
    }
    return records
  }
}
