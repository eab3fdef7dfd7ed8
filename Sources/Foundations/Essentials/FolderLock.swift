// A folder that one process has for itself. The lock is the system's: it leaves no file, and is gone when the
// process is, however that ends.
import Foundation

package enum FolderLock {
  /// - Returns: a descriptor whose closing unlocks the folder; nil where another process has the lock, or
  ///   where there is no such folder. Where a file system knows no locks, the descriptor locks nothing.
  package static func take(_ folder: String) -> Int32? {
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      if errno == EINTR { continue }
      guard errno == EWOULDBLOCK else { break }
      close(descriptor)
      return nil
    }
    return descriptor
  }
}
