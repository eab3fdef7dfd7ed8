// Whether a file is there at all. `FileManager` says no also of a link that leads nowhere and of what may not be
// looked at; to read on as if there were none would be another model, another tokenizer, in silence.
import Foundation

package enum FolderEntry {
  /// Whether the folder has such an entry, whatever it leads to.
  /// - Throws: `TuneError` `.missingFile` where that cannot be known.
  package static func exists(_ path: String) throws -> Bool {
    var status = stat()
    if lstat(path, &status) == 0 { return true }
    guard errno != ENOENT, errno != ENOTDIR else { return false }
    throw TuneError(
      .missingFile, "cannot look for the file: \(String(cString: strerror(errno)))",
      remedy: "Make it readable for this user.", at: .init(file: path))
  }
}
