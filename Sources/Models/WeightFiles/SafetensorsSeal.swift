// A seal: a digest in a safetensors file's metadata of the whole file, header included, in which the
// seal itself counts as zeros. One changed bit anywhere breaks it.
import Essentials

package enum SafetensorsSeal {
  package static let key = "digest"
  /// What stands in the seal's place while the digest is computed.
  static let blank = String(repeating: "0", count: 64)

  /// The one place of the seal in a header; nil where it is not there, or several times.
  static func place(of seal: String, in header: [UInt8]) -> Range<Int>? {
    let text = Array(seal.utf8)
    guard text.count == blank.utf8.count, header.count >= text.count else { return nil }
    var found: Int?
    for start in 0...(header.count - text.count)
    where header[start] == text[0] && header[start..<(start + text.count)].elementsEqual(text) {
      if found != nil { return nil }
      found = start
    }
    return found.map { $0..<($0 + text.count) }
  }

  /// Reads the whole file.
  package static func isWhole(_ file: SafetensorsFile) throws -> Bool {
    var header = file.header
    guard let seal = file.metadata[key], let place = place(of: seal, in: header) else {
      return false
    }
    let count = header.count
    header.replaceSubrange(place, with: Array(blank.utf8))
    return try FileDigest.of(path: file.path, from: count, after: header) == seal
  }
}
