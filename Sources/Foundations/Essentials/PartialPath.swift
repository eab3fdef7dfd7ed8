// What is being written lies beside its final name as `<name>.partial-<process>` and takes that
// name in one step when it is complete and on the disk. A run that is killed leaves only such a
// leftover, which the next writer of the same name removes.
import Foundation

package enum PartialPath {
  private static let mark = ".partial-"

  package static func path(for final: String) -> String { final + mark + String(getpid()) }

  /// Removes leftovers for `final` whose writer lives no more.
  package static func removeAbandoned(for final: String) {
    let url = URL(fileURLWithPath: final)
    let folder = url.deletingLastPathComponent()
    let prefix = url.lastPathComponent + mark
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    for name in names where name.hasPrefix(prefix) {
      guard let process = pid_t(name.dropFirst(prefix.count)), process > 0 else { continue }
      let path = folder.appendingPathComponent(name).path
      if process == getpid() || !ProcessTimes.mayHaveWritten(process, path) {
        try? FileManager.default.removeItem(atPath: path)
      }
    }
  }

  /// Removes every leftover in a folder that no other process writes to: its caller has the folder's lock.
  package static func removeAll(in folder: String) {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
      guard let final = finalName(of: name) else { continue }
      let (leftover, place) = (folder + "/" + name, folder + "/" + final)
      // An old folder that was put aside to make room, and the new one never came.
      if name.hasSuffix(aside), !FileManager.default.fileExists(atPath: place) {
        rename(leftover, place)
      } else {
        try? FileManager.default.removeItem(atPath: leftover)
      }
    }
  }

  /// The name that a leftover would have got; nil for what is none.
  private static func finalName(of name: String) -> String? {
    guard let found = name.ranges(of: mark).last, found.lowerBound > name.startIndex else {
      return nil
    }
    let number = name[found.upperBound...]
    guard pid_t(number.hasSuffix(aside) ? number.dropLast(aside.count) : number) ?? 0 > 0 else {
      return nil
    }
    return String(name[..<found.lowerBound])
  }

  private static let aside = "-old"

  package static func makeFolder(_ path: String) throws {
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      throw diskError(path, "cannot make the folder", error)
    }
  }

  /// Puts a complete file or folder in place of whatever has the final name.
  ///
  /// A folder is exchanged in one step, so that the name always leads to a whole one, old or new.
  package static func move(_ partial: String, to final: String) throws {
    if rename(partial, final) == 0 {
      syncFolder(containing: final)
      return
    }
    // A folder that is not empty cannot be renamed over.
    guard errno == ENOTEMPTY || errno == EEXIST else { throw diskError(final, "cannot replace it") }
    try exchange(partial, final)
    syncFolder(containing: final)
  }

  /// Afterwards `partial` names the old folder.
  private static func exchange(_ partial: String, _ final: String) throws {
    if exchangeInOneStep(partial, final) { return }
    // File systems that cannot exchange: two renames, and the name is free for a moment.
    let aside = partial + Self.aside
    guard rename(final, aside) == 0 else { throw diskError(final, "cannot replace it") }
    guard rename(partial, final) == 0 else {
      let error = diskError(final, "cannot replace it")
      rename(aside, final)
      throw error
    }
    rename(aside, partial)
  }

  /// Linux's renameat2 with RENAME_EXCHANGE, looked up because the C headers hide it.
  private static func exchangeInOneStep(_ a: String, _ b: String) -> Bool {
    typealias Exchange =
      @convention(c) (
        Int32, UnsafePointer<CChar>, Int32, UnsafePointer<CChar>, UInt32
      ) -> Int32
    let exchangeFlag: UInt32 = 2
    guard let symbol = dlsym(dlopen(nil, RTLD_NOW), "renameat2") else { return false }
    return unsafeBitCast(symbol, to: Exchange.self)(AT_FDCWD, a, AT_FDCWD, b, exchangeFlag) == 0
  }

  /// A rename survives a power cut only once its folder is synced too.
  package static func syncFolder(containing path: String) {
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    let descriptor = open(folder, O_RDONLY)
    guard descriptor >= 0 else { return }
    fsync(descriptor)
    close(descriptor)
  }
}

/// A failed write, with errno's text where no other cause is given.
package func diskError(_ path: String, _ what: String, _ cause: (any Error)? = nil) -> TuneError {
  let reason = cause == nil ? ": \(String(cString: strerror(errno)))" : ""
  return TuneError(
    .disk, what + reason,
    remedy: "Check that the folder exists, is writable and has space left.",
    at: .init(file: path), cause: cause)
}
