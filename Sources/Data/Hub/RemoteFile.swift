// A file as a hub lists it: where it will be, how large it is and what its bytes must hash to. The
// list comes from outside: a path that would leave its folder, or that a terminal would obey, is
// refused before anything is written.
import Essentials
import Foundation

package struct RemoteFile: Sendable, Equatable {
  /// What identifies the bytes.
  package enum Content: Sendable, Hashable {
    /// Large files: the SHA-256 of the bytes, in hexadecimal.
    case sha256(String)
    /// Files that git keeps itself: the SHA-1 of `blob <size>\0` and the bytes.
    case gitBlob(String)
    /// What Kaggle tells of an archive, in hexadecimal.
    case md5(String)

    var text: String {
      switch self {
      case .sha256(let hash), .gitBlob(let hash), .md5(let hash): hash
      }
    }
  }
  package let path: String
  package let size: Int
  package let content: Content

  /// More than any file has; a bound, so that sums do not overflow.
  private static let largestSize = 1 << 50

  init(path: String, size: Int, content: Content) {
    self.path = path
    self.size = size
    self.content = content
  }

  /// One entry of a tree listing; nil for a folder.
  package init?(_ entry: JSON, _ url: URL) throws {
    guard let type = entry["type"]?.string, let path = entry["path"]?.string else {
      throw TuneError.nonsense("an entry of the file list without type or path", url)
    }
    guard type == "file" else { return nil }
    guard Self.isSafe(path) else {
      throw TuneError(
        .network, "the hub lists a file named '\(clean(path))', which is refused",
        remedy: "No honest repository has such a file: do not use this one.",
        at: .init(file: url.shown))
    }
    let large = entry["lfs"].flatMap { $0.isNull ? nil : $0 }
    guard let size = (large ?? entry)["size"]?.integer, (0...Self.largestSize).contains(size),
      let hash = (large ?? entry)["oid"]?.string?.lowercased(),
      hash.utf8.count == (large == nil ? 40 : 64), hash.allSatisfy(\.isHexDigit)
    else { throw TuneError.nonsense("no size or checksum for '\(clean(path))'", url) }
    self.init(path: path, size: size, content: large == nil ? .gitBlob(hash) : .sha256(hash))
  }

  /// Whether a path stays in its folder, and means the same to us, to the system and to a terminal.
  static func isSafe(_ path: String) -> Bool {
    guard !path.isEmpty, path.utf8.count <= 3000, path == clean(path, limit: 4000) else {
      return false
    }
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    return parts.first?.lowercased() != Workspace.folderName
      && parts.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." && $0.utf8.count <= 255 }
  }

  /// - Throws: when two files would be one, or one the folder of another.
  package static func checkDistinct(_ files: [RemoteFile], _ url: URL) throws {
    var paths: Set<String> = []
    for file in files where !paths.insert(file.path).inserted {
      throw TuneError.nonsense("'\(clean(file.path))' is listed twice", url)
    }
    for file in files {
      var folder = file.path[...]
      while let slash = folder.lastIndex(of: "/") {
        folder = folder[..<slash]
        if paths.contains(String(folder)) {
          throw TuneError.nonsense("'\(clean(String(folder)))' is both a file and a folder", url)
        }
      }
    }
  }
}
