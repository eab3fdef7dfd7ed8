// A file that is read now and then in a run that has thousands of them: the system allows a process only
// so many open files, so those that were used least lately are closed and opened again when needed.
import Essentials
import Foundation
import Synchronization

final class ReopenedFile: Sendable {
  let path: String
  let byteCount: Int
  /// What the path led to when it was first opened. A number of a file that was removed is given anew.
  private let identity: Identity

  private struct Identity: Equatable {
    var device: UInt64
    var inode: UInt64
    var byteCount: Int
    var written: [Int]

    init?(_ descriptor: Int32) {
      var status = stat()
      guard fstat(descriptor, &status) == 0 else { return nil }
      (device, inode) = (UInt64(status.st_dev), UInt64(status.st_ino))
      byteCount = Int(status.st_size)
      #if os(Linux)
        written = [status.st_mtim.tv_sec, status.st_mtim.tv_nsec]
      #else
        written = [status.st_mtimespec.tv_sec, status.st_mtimespec.tv_nsec]
      #endif
    }
  }

  /// - Throws: `TuneError` for what cannot be opened or is no regular file.
  init(_ path: String) throws {
    self.path = path
    let descriptor: Int32
    (descriptor, byteCount) = try RegularFile.open(path)
    guard let identity = Identity(descriptor) else {
      close(descriptor)
      throw TuneError(.missingFile, "cannot examine the file", at: .init(file: path))
    }
    self.identity = identity
    OpenFiles.shared.add(descriptor, for: self)
  }
  deinit { OpenFiles.shared.remove(ObjectIdentifier(self)) }

  /// - Returns: nil when another file has taken its name meanwhile.
  func withDescriptor<R>(_ body: (Int32) throws -> R) throws -> R? {
    try OpenFiles.shared.use(self) { try body($0) }
  }

  fileprivate func reopened() throws -> Int32? {
    let (descriptor, _) = try RegularFile.open(path)
    guard Identity(descriptor) == identity else {
      close(descriptor)
      return nil
    }
    return descriptor
  }
}

/// The open ones of all `ReopenedFile`s.
final class OpenFiles: Sendable {
  static let shared = OpenFiles()
  /// Far below the thousand and some that systems allow.
  static let limit = 128

  private struct Entry {
    var file: ObjectIdentifier
    var descriptor: Int32
  }
  /// The least lately used first.
  private let entries = Mutex<[Entry]>([])

  fileprivate func add(_ descriptor: Int32, for file: ReopenedFile) {
    entries.withLock {
      Self.append(Entry(file: ObjectIdentifier(file), descriptor: descriptor), &$0)
    }
  }
  fileprivate func remove(_ file: ObjectIdentifier) {
    entries.withLock { entries in
      guard let index = entries.firstIndex(where: { $0.file == file }) else { return }
      close(entries.remove(at: index).descriptor)
    }
  }
  /// Under the lock, so that no other thread closes the descriptor meanwhile.
  fileprivate func use<R>(_ file: ReopenedFile, _ body: (Int32) throws -> R) throws -> R? {
    try entries.withLock { entries in
      let id = ObjectIdentifier(file)
      if let index = entries.lastIndex(where: { $0.file == id }) {
        // Near the end it is recent enough.
        if index < entries.count - Self.limit / 4 { entries.append(entries.remove(at: index)) }
      } else {
        guard let descriptor = try file.reopened() else { return nil }
        Self.append(Entry(file: id, descriptor: descriptor), &entries)
      }
      guard let entry = entries.last(where: { $0.file == id }) else { return nil }
      return try body(entry.descriptor)
    }
  }
  private static func append(_ entry: Entry, _ entries: inout [Entry]) {
    if entries.count >= limit { close(entries.removeFirst().descriptor) }
    entries.append(entry)
  }
  var count: Int { entries.withLock { $0.count } }
}
