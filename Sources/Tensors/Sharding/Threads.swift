// Ranks as threads of one process: the stand-in for real processes in tests.
import Foundation
import Synchronization

/// Runs `body(0)` ... `body(count - 1)` on threads of their own and waits for all; throws the first
/// error in rank order.
package func runThreads(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws {
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
