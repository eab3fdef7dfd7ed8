// The bridge from code that waits to code that is asynchronous: recipes and commands are a thread
// that does one thing after another.
import Foundation
import Synchronization

/// Runs `body` and blocks the calling thread until it has ended. Not for use in a task: it would
/// take a thread from those that run `body`.
/// - Parameter onStart: gets a way to cancel, which makes `body` throw `CancellationError`.
package func blocking<R: Sendable>(
  onStart: (@escaping @Sendable () -> Void) -> Void = { _ in },
  _ body: @escaping @Sendable () async throws -> R
) throws -> R {
  let outcome = Outcome<R>()
  let done = DispatchSemaphore(value: 0)
  let task = Task.detached {
    do {
      outcome.set(.success(try await body()))
    } catch {
      outcome.set(.failure(error))
    }
    done.signal()
  }
  onStart { task.cancel() }
  done.wait()
  return try outcome.get()
}

private final class Outcome<R: Sendable>: Sendable {
  private let result = Mutex<Result<R, any Error>>(.failure(CancellationError()))
  func set(_ value: Result<R, any Error>) { result.withLock { $0 = value } }
  func get() throws -> R { try result.withLock { $0 }.get() }
}
