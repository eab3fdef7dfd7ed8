// What a test hub has: repositories with files, and archives as Kaggle has them.
import Foundation
import Hub

/// A file of a test repository.
package struct HubFile: Sendable {
  package var bytes: [UInt8]
  /// Kept outside of git: listed with its SHA-256, and served by the second server after a redirect.
  package var isLarge: Bool

  package init(_ bytes: some Sequence<UInt8>, isLarge: Bool = false) {
    self.bytes = Array(bytes)
    self.isLarge = isLarge
  }
  package init(_ text: String) { self.init(text.utf8) }

  /// Bytes that no two offsets share by chance.
  package static func large(_ count: Int, seed: UInt64 = 1) -> HubFile {
    var state = seed
    return HubFile(
      (0..<count).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(truncatingIfNeeded: state >> 33)
      }, isLarge: true)
  }

  package var sha256: String { hexadecimal(digest(bytes, .sha256)) }
  var blob: String {
    hexadecimal(digest(Array("blob \(bytes.count)\0".utf8) + bytes, .sha1))
  }
  var pointerBlob: String {
    let text =
      "version https://git-lfs.github.com/spec/v1\noid sha256:\(sha256)\n"
      + "size \(bytes.count)\n"
    return HubFile(text).blob
  }
  package var etag: String { isLarge ? sha256 : blob }
  package var md5: String { Data(digest(bytes, .md5)).base64EncodedString() }
}

/// Tests need a libcrypto that computes them all.
private func digest(_ bytes: some Sequence<UInt8>, _ algorithm: RunningHash.Algorithm) -> [UInt8] {
  do {
    return try RunningHash.hash(bytes, algorithm)
  } catch {
    preconditionFailure("\(error)")
  }
}

func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

package struct HubRepository: Sendable {
  package enum Access: Sendable { case open, gated, hidden }
  package var id: String
  package var isDataset = false
  package var files: [String: HubFile]
  package var revisions: [String: String]
  package var access = Access.open

  package init(_ id: String, isDataset: Bool = false, _ files: [String: HubFile]) {
    self.id = id
    self.isDataset = isDataset
    self.files = files
    let listing = files.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.etag)\n" }
    let commit = hexadecimal(digest(listing.joined().utf8, .sha1))
    revisions = ["main": commit]
  }
  package var commit: String { revisions["main"] ?? "" }
}

/// A request as the hub saw it.
package struct HubRequest: Sendable {
  package var method: String
  /// Without the query, and not decoded.
  package var path: String
  package var query: String
  /// In lower case.
  package var headers: [String: String]
  /// How often this path was asked for before.
  package var earlier: Int
  /// Whether the second server was asked, which stands for a content network.
  package var isContent: Bool
}

/// What a hub may do to a request instead of, or on top of, the right answer.
package enum HubFault: Sendable {
  /// Another status, without the file.
  case status(Int, [String: String] = [:])
  /// The right answer's start, then the connection is closed.
  case cut(after: Int)
  /// The whole answer says that it is so long, and the connection is closed behind it.
  case length(Int)
  /// One byte is another.
  case corrupt
  case ignoreRange
  /// A range that begins somewhere else.
  case shiftRange
  case redirect(String)
  /// This text, with status 200.
  case answer(String, [String: String] = [:])
  /// Nothing, for ever.
  case silence
  /// The right answer with other headers besides.
  case headers([String: String])
}
