// Nothing that is already saved is lost: a file is written beside its final name, synced to the
// disk, then renamed over it. A crash or a full disk leaves the old file as it was.
import Foundation

package enum AtomicFile {
  /// Lets `body` write a temporary file beside `path`, then makes it `path`.
  /// - Throws: `TuneError` with code `.disk`; the temporary file is removed.
  package static func write(to path: String, _ body: (FileHandle) throws -> Void) throws {
    let temporary = path + ".partial-\(getpid())"
    guard FileManager.default.createFile(atPath: temporary, contents: nil),
      let handle = FileHandle(forWritingAtPath: temporary)
    else { throw failure(path, "cannot create the file") }
    do {
      try body(handle)
      try handle.synchronize()
      try handle.close()
    } catch let error {
      try? handle.close()
      unlink(temporary)
      if error is TuneError { throw error }
      throw failure(path, "cannot write the file", error)
    }
    do {
      try put(temporary, at: path)
    } catch let error {
      unlink(temporary)
      throw error
    }
  }

  /// Makes a file that is written and synced already `path`; both must be on one disk.
  /// - Throws: `TuneError` with code `.disk`; the temporary file stays.
  package static func put(_ temporary: String, at path: String) throws {
    guard rename(temporary, path) == 0 else {
      let reason = String(cString: strerror(errno))
      throw failure(path, "cannot put the file in place: \(reason)")
    }
    syncFolder(of: path)
  }

  package static func write(_ data: Data, to path: String) throws {
    try write(to: path) { try $0.write(contentsOf: data) }
  }

  /// A rename survives a power cut only once its folder is synced too.
  private static func syncFolder(of path: String) {
    let folder = path.parentFolder
    let descriptor = open(folder.isEmpty ? "." : folder, O_RDONLY)
    if descriptor >= 0 {
      fsync(descriptor)
      close(descriptor)
    }
  }

  private static func failure(_ path: String, _ what: String, _ cause: (any Error)? = nil)
    -> TuneError
  {
    TuneError(
      .disk, what, remedy: "Check that the folder exists, is writable and has space left.",
      at: .init(file: path), cause: cause)
  }
}
