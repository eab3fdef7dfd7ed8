// Tells a launcher that this process waits for another rank: of ranks that stand still, the one that does not
// wait for others is the one that hangs. A byte of a file that both have mapped.
import Foundation

package enum WaitingFlag {
  /// Unchecked: it is set once, before there are collectives, and then only its byte changes.
  private final class Place: @unchecked Sendable { var byte: UnsafeMutablePointer<UInt8>? }
  private static let place = Place()

  /// In a worker: the launcher's file, of one byte.
  package static func share(in path: String) {
    let descriptor = open(path, O_RDWR | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_size > 0,
      let address = mmap(nil, 1, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
      address != MAP_FAILED
    else { return }
    place.byte = address.assumingMemoryBound(to: UInt8.self)
  }

  package static func during<R>(_ body: () throws -> R) rethrows -> R {
    place.byte?.pointee = 1
    defer { place.byte?.pointee = 0 }
    return try body()
  }
}
