// A launcher's folder for temporary files. It is locked as long as the launcher lives, and the system unlocks
// it however that ends; so the next launcher knows which folders are left over, and removes them.
import Essentials
import Foundation

struct ScratchFolder: ~Copyable {
  let path: String
  private let lock: Int32
  private static let prefix = "tune-launch-"

  init(in parent: String = FileManager.default.temporaryDirectory.path) throws {
    Self.removeAbandoned(in: parent)
    while true {
      let path = parent + "/" + Self.prefix + UUID().uuidString
      do {
        try FileManager.default.createDirectory(
          atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      } catch {
        throw TuneError(
          .disk, "cannot create the folder", remedy: "Set TMPDIR to a folder that is writable.",
          at: .init(file: path), cause: SystemReason(error))
      }
      let lock = FolderLock.take(path)
      // Another launcher may have taken it for abandoned before it was locked.
      if FileManager.default.fileExists(atPath: path) {
        (self.path, self.lock) = (path, lock ?? -1)
        return
      }
      if let lock { close(lock) }
    }
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
    if lock >= 0 { close(lock) }
  }

  private static func removeAbandoned(in parent: String) {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
    where name.hasPrefix(prefix) {
      let path = parent + "/" + name
      var status = stat()
      guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR,
        status.st_uid == geteuid(), let lock = FolderLock.take(path)
      else { continue }
      try? FileManager.default.removeItem(atPath: path)
      close(lock)
    }
  }
}
