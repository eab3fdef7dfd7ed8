// A file whose parts come in any order: its space is reserved before the first byte of work is at
// stake, and it takes its name only when it is complete and on the disk.
import Foundation

package final class ReservedFile {
  package let path: String
  /// Where the bytes are until the file is finished.
  package let partial: String
  private let byteCount: Int
  private var descriptor: Int32

  /// - Throws: `TuneError` `.disk`, also when the disk has no room for the whole file.
  package init(_ path: String, byteCount: Int) throws {
    self.path = path
    self.byteCount = byteCount
    partial = PartialPath.path(for: path)
    PartialPath.removeAbandoned(for: path)
    descriptor = open(partial, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw diskError(path, "cannot create the file") }
    // From here on deinit cleans up when this throws.
    try reserve()
  }

  deinit {
    guard descriptor >= 0 else { return }
    close(descriptor)
    unlink(partial)
  }

  package func put(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
    var done = 0
    while done < bytes.count {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
      let count = pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset + done))
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw diskError(path, "cannot write the file") }
      done += count
    }
  }

  package func finish() throws {
    precondition(descriptor >= 0, "finished twice")
    guard fsync(descriptor) == 0 else { throw diskError(path, "cannot write the file") }
    try PartialPath.move(partial, to: path)
    close(descriptor)
    descriptor = -1
  }

  private func reserve() throws {
    guard byteCount > 0 else { return }
    #if os(Linux)
      let result = posix_fallocate(descriptor, 0, off_t(byteCount))
      guard result == 0 else {
        errno = result
        throw diskError(path, "cannot reserve \(byteCount) bytes for the file")
      }
    #else
      guard ftruncate(descriptor, off_t(byteCount)) == 0 else {
        throw diskError(path, "cannot reserve \(byteCount) bytes for the file")
      }
    #endif
  }
}
