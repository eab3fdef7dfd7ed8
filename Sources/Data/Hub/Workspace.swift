// The hidden folder in which a download works, inside the folder that it fills: parts of files, each
// named after the content that it is a part of, and a lock, so that of two programs that fill one
// folder the second waits. It is removed when nothing in it is of use any more.
import Essentials
import Foundation

final class Workspace: Sendable {
  static let folderName = ".tune-download"

  /// The folder to fill, without symbolic links.
  let folder: String
  private let hidden: String
  private let lock: Int32

  /// Makes both folders and waits until no other program works there.
  init(filling folder: String, onWait: () -> Void = {}) async throws {
    try DiskAccess.makeFolder(folder)
    self.folder = URL(filePath: folder).resolvingSymlinksInPath().path
    hidden = self.folder + "/" + Self.folderName
    while true {
      try DiskAccess.makeFolder(hidden)
      let path = hidden + "/lock"
      let lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
      guard lock >= 0 else { throw DiskAccess.failure(path) }
      var hasWaited = false
      while flock(lock, LOCK_EX | LOCK_NB) != 0 {
        // Where a file system knows no locks, going on is better than not.
        guard errno == EWOULDBLOCK || errno == EINTR else { break }
        if !hasWaited { onWait() }
        hasWaited = true
        do {
          try await Task.sleep(for: .milliseconds(100))
        } catch {
          close(lock)
          throw error
        }
      }
      // Who held it may have removed the folder: a lock in a removed file locks nothing.
      if Self.isSame(lock, path) {
        self.lock = lock
        return
      }
      close(lock)
    }
  }

  private static func isSame(_ descriptor: Int32, _ path: String) -> Bool {
    var (held, named) = (stat(), stat())
    return fstat(descriptor, &held) == 0 && stat(path, &named) == 0 && held.st_ino == named.st_ino
      && held.st_dev == named.st_dev
  }

  deinit { close(lock) }

  /// Where the part of a file is kept until it is whole.
  func part(of path: String, _ content: RemoteFile.Content?) throws -> String {
    let place = try RunningHash.hash(path.utf8, .sha256).prefix(8).hexadecimal
    return "\(hidden)/\(place)-\(content?.text ?? "unnamed").incomplete"
  }

  /// Runs `body` and leaves no trace of it, but after a failure the parts to go on from.
  func working<R>(_ body: () async throws -> R) async throws -> R {
    do {
      let result = try await body()
      clear()
      return result
    } catch {
      tidy()
      throw error
    }
  }

  private func clear() {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: hidden)) ?? []
    where name != "lock" {
      try? FileManager.default.removeItem(atPath: hidden + "/" + name)
    }
    unlink(hidden + "/lock")
    rmdir(hidden)
  }

  private func tidy() {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: hidden)) ?? []
    var info = stat()
    let useful = names.filter { name in
      guard name != "lock", stat(hidden + "/" + name, &info) == 0 else { return false }
      if info.st_mode & S_IFMT == S_IFREG, info.st_size > 0 { return true }
      try? FileManager.default.removeItem(atPath: hidden + "/" + name)
      return false
    }
    if useful.isEmpty { clear() }
  }

  /// A folder for work of another kind, empty.
  func emptyFolder(_ name: String) throws -> String {
    let path = hidden + "/" + name
    try? FileManager.default.removeItem(atPath: path)
    try DiskAccess.makeFolder(path)
    return path
  }

  /// The final place of a file, whose folders are made.
  /// - Throws: `TuneError` where a symbolic link in the folder would lead out of it.
  func place(of path: String) throws -> String {
    let target = folder + "/" + path
    let parent = target.parentFolder
    try checkInside(parent)
    try DiskAccess.makeFolder(parent)
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: target, isDirectory: &isFolder), isFolder.boolValue {
      throw TuneError(
        .disk, "there is a folder where a file belongs", remedy: "Remove it.",
        at: .init(file: target))
    }
    return target
  }

  private func checkInside(_ parent: String) throws {
    var existing = parent
    while existing.utf8.count > folder.utf8.count,
      !FileManager.default.fileExists(atPath: existing)
    {
      // A link to nothing would be followed by whoever makes folders.
      var info = stat()
      if lstat(existing, &info) == 0 { throw leadsOut(existing) }
      existing = existing.parentFolder
    }
    let real = URL(filePath: existing).resolvingSymlinksInPath().path
    guard real == folder || real.hasPrefix(folder == "/" ? "/" : folder + "/") else {
      throw leadsOut(existing)
    }
  }
  private func leadsOut(_ path: String) -> TuneError {
    TuneError(
      .disk, "a symbolic link leads out of the folder",
      remedy: "Remove it, or choose another folder.",
      at: .init(file: path))
  }
}

extension Sequence<UInt8> {
  var hexadecimal: String {
    map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
