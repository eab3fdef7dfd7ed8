// Archives for tests, honest and hostile: tar blocks by hand, and gzip with stored blocks, which needs
// no compressor.
import Foundation

enum TarSamples {
  /// One entry: header, content, padding.
  static func entry(
    _ name: String, _ content: [UInt8] = [], kind: Character = "0", size: String? = nil,
    prefix: String = "", link: String = ""
  ) -> [UInt8] {
    var header = [UInt8](repeating: 0, count: 512)
    func put(_ text: String, at offset: Int, limit: Int) {
      for (i, byte) in text.utf8.prefix(limit).enumerated() { header[offset + i] = byte }
    }
    func octal(_ value: Int, _ digits: Int) -> String {
      let text = String(value, radix: 8)
      return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
    put(name, at: 0, limit: 100)
    put("0000644", at: 100, limit: 8)
    put(size ?? octal(content.count, 11), at: 124, limit: 12)
    put(String(kind), at: 156, limit: 1)
    put(link, at: 157, limit: 100)
    put("ustar\u{0}00", at: 257, limit: 8)
    put(prefix, at: 345, limit: 155)
    put("        ", at: 148, limit: 8)
    let sum = header.reduce(0) { $0 + Int($1) }
    put(octal(sum, 6) + "\u{0} ", at: 148, limit: 8)
    let padding = (512 - content.count % 512) % 512
    return header + content + [UInt8](repeating: 0, count: padding)
  }

  static let end = [UInt8](repeating: 0, count: 1024)

  static func extended(_ records: [String: String]) -> [UInt8] {
    let lines = records.sorted { $0.key < $1.key }.map { key, value in
      var length = key.utf8.count + value.utf8.count + 3
      length += String(length + 2).count
      return "\(length) \(key)=\(value)\n"
    }
    return entry("PaxHeaders/x", Array(lines.joined().utf8), kind: "x")
  }

  static func gzip(_ bytes: [UInt8]) -> [UInt8] {
    var packed: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3]
    var rest = bytes[...]
    repeat {
      let chunk = rest.prefix(65_535)
      rest = rest.dropFirst(chunk.count)
      let (low, high) = (UInt8(chunk.count & 255), UInt8(chunk.count >> 8))
      packed += [rest.isEmpty ? 1 : 0, low, high, ~low, ~high] + chunk
    } while !rest.isEmpty
    for value in [checksum(bytes), UInt32(truncatingIfNeeded: bytes.count)] {
      packed += (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * UInt32($0))) }
    }
    return packed
  }

  private static func checksum(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(UInt32.max) { sum, byte in
      (0..<8).reduce(sum ^ UInt32(byte)) { sum, _ in sum >> 1 ^ (sum & 1 == 0 ? 0 : 0xEDB8_8320) }
    }
  }
}
