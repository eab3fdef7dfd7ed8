// A file while it arrives: bytes are appended and hashed, and what is there stays there, whatever
// ends the program, for the next attempt to go on from.
import Essentials
import Foundation

final class PartialFile {
  let path: String
  private let descriptor: Int32
  private let content: RemoteFile.Content?
  private let size: Int
  private let disk: DiskAccess
  private var digest: ContentDigest?
  private(set) var count = 0

  /// Opens it, and reads what is already there.
  /// - Parameters:
  ///   - size: what the file will have; a part that has more is not one of it.
  ///   - content: nil when it is not known: nothing is checked then.
  init(
    _ path: String, size: Int, content: RemoteFile.Content?, disk: DiskAccess,
    onBytes: (Int) -> Void = { _ in }
  ) throws {
    self.path = path
    self.size = size
    self.content = content
    self.disk = disk
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
    guard descriptor >= 0 else { throw DiskAccess.failure(path) }
    digest = try content.map { try ContentDigest($0, size: size) }
    let existing = Int(lseek(descriptor, 0, SEEK_END))
    if existing > size {
      try restart()
    } else if existing > 0 {
      if digest == nil { onBytes(existing) }
      count = try digest?.read(descriptor, path, onBytes: onBytes) ?? existing
    }
  }
  deinit { close(descriptor) }

  func append(_ bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let written = disk.write(descriptor, UnsafeRawBufferPointer(rebasing: rest))
      if written < 0, errno == EINTR { continue }
      guard written > 0 else { throw DiskAccess.failure(path, written == 0 ? ENOSPC : errno) }
      digest?.update(UnsafeRawBufferPointer(rebasing: rest.prefix(written)))
      rest = rest.dropFirst(written)
      count += written
    }
  }

  func restart() throws {
    guard ftruncate(descriptor, 0) == 0, lseek(descriptor, 0, SEEK_SET) == 0 else {
      throw DiskAccess.failure(path)
    }
    count = 0
    digest = try content.map { try ContentDigest($0, size: size) }
  }

  var isComplete: Bool { count == size }
  /// Of a complete file: its bytes are those that its content is named after.
  var isRight: Bool {
    get throws { try isComplete && digest?.finish() == content?.text }
  }

  /// A power cut takes nothing of it any more.
  func sync() throws {
    guard fsync(descriptor) == 0 else { throw DiskAccess.failure(path) }
  }

  /// Makes it the file at `target`.
  func finish(at target: String) throws {
    try sync()
    try AtomicFile.put(path, at: target)
  }
}
