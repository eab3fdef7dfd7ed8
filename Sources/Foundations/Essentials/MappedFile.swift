// A file mapped read-only into memory: pages come in when they are touched, so a rank reads only
// what its shards need. The mapping lives as long as a value that refers to it.
import Foundation

package final class MappedFile: @unchecked Sendable {
  package let path: String
  package let count: Int
  private let base: UnsafeMutableRawPointer?

  /// - Throws: `TuneError` `.missingFile` when the file is not there, `.malformedFile` when it
  ///   cannot be mapped.
  package init(path: String) throws {
    let descriptor: Int32
    (descriptor, count) = try RegularFile.open(path)
    defer { close(descriptor) }
    self.path = path
    guard count > 0 else {
      base = nil
      return
    }
    // Private and writable: libtorch takes a mutable pointer. A write would go to a private page,
    // never to the file.
    let address = mmap(nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE, descriptor, 0)
    guard let address, address != MAP_FAILED else {
      throw TuneError(
        .malformedFile, "cannot map the file: \(String(cString: strerror(errno)))",
        at: .init(file: path))
    }
    base = address
    MappedFaults.add(address, count: count, path: path)
  }

  deinit {
    guard let base else { return }
    MappedFaults.remove(base)
    munmap(base, count)
  }

  /// Gives the pages back; what is read later comes from the file again. What has been read and copied
  /// would else count as this process's memory, and make that of others scarce.
  package func releasePages() {
    if let base { madvise(base, count, MADV_DONTNEED) }
  }

  /// Valid while this object lives.
  package var bytes: UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(start: base, count: count)
  }
}
