// The few questions and requests to the system that a full disk answers with no: in one place, so
// that tests can fill a disk that is not full.
import Essentials
import Foundation

package struct DiskAccess: Sendable {
  /// Like `write(2)`: how many bytes were written, or -1 and `errno`.
  package var write: @Sendable (Int32, UnsafeRawBufferPointer) -> Int = {
    Foundation.write($0, $1.baseAddress, $1.count)
  }
  /// Bytes that a user may still write where `path` will be; nil when the system does not say.
  package var freeBytes: @Sendable (_ path: String) -> Int? = DiskAccess.freeBytes

  package init() {}

  private static func freeBytes(at path: String) -> Int? {
    var path = path
    var info = statvfs()
    // A folder that is not there yet will be on the disk of the nearest one that is.
    while statvfs(path, &info) != 0 {
      let parent = path.parentFolder
      guard parent != path, !path.isEmpty else { return nil }
      path = parent.isEmpty ? "." : parent
    }
    let (bytes, overflow) = Int(clamping: info.f_bavail)
      .multipliedReportingOverflow(by: Int(clamping: info.f_frsize))
    return overflow ? .max : bytes
  }

  /// - Throws: `TuneError` `.disk` when `bytes` more do not fit.
  func check(room bytes: Int, in folder: String) throws {
    guard let free = freeBytes(folder), free < bytes else { return }
    throw TuneError(
      .disk,
      "\(Self.shown(bytes)) are to be written, and the disk has \(Self.shown(free)) left",
      remedy: "Free some space, or choose another folder.", at: .init(file: folder))
  }

  /// What a failed write means; reads `errno`.
  static func failure(_ path: String, _ number: Int32 = errno) -> TuneError {
    let (message, remedy) =
      switch number {
      case ENOSPC: ("the disk is full", "Free some space, and run the same command again.")
      case EDQUOT: ("your share of the disk is used up", "Free some space, and run again.")
      case EFBIG:
        (
          "the file is larger than this system lets you write",
          "Raise the limit (`ulimit -f unlimited`), or choose another file system."
        )
      case EROFS, EACCES, EPERM: ("the folder cannot be written", "Choose another folder.")
      default: ("cannot write: \(String(cString: strerror(number)))", "Choose another folder.")
      }
    return TuneError(.disk, message, remedy: remedy, at: .init(file: path))
  }

  static func shown(_ bytes: Int) -> String {
    switch Double(bytes) {
    case let bytes where bytes >= 1e9: String(format: "%.1f GB", bytes / 1e9)
    case let bytes where bytes >= 1e6: String(format: "%.1f MB", bytes / 1e6)
    default: "\(bytes) bytes"
    }
  }

  static func makeFolder(_ path: String) throws {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw TuneError(
        .disk, "cannot create the folder", remedy: "Choose another folder.",
        at: .init(file: path), cause: error)
    }
  }
}
