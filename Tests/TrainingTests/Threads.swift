// Ranks of a recipe as threads, and a port for them to meet on.
import Essentials
import Foundation
import Synchronization
import Testing

/// Runs `body` for each rank and throws the first rank's error.
func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws {
  let errors = Mutex([Int: any Error]())
  let done = DispatchGroup()
  for rank in 0..<count {
    done.enter()
    let thread = Thread {
      do { try body(rank) } catch { errors.withLock { $0[rank] = error } }
      done.leave()
    }
    thread.stackSize = 16 << 20
    thread.start()
  }
  done.wait()
  if let first = errors.withLock({ $0.min { $0.key < $1.key } }) { throw first.value }
}

/// A port that nobody listens on now.
func freePort() throws -> Int {
  let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  try #require(socket >= 0)
  defer { close(socket) }
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
  var length = socklen_t(MemoryLayout<sockaddr_in>.size)
  let port: Int? = withUnsafeMutablePointer(to: &address) { pointer in
    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
      guard bind(socket, raw, length) == 0, getsockname(socket, raw, &length) == 0 else {
        return nil
      }
      return Int(
        UInt16(
          bigEndian: raw.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
            $0.pointee.sin_port
          }))
    }
  }
  return try #require(port)
}
