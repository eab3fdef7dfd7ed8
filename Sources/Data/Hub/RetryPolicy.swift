// Trying again: what may be over a moment later is tried a bounded number of times, with pauses that
// double, and that differ between clients, so that a hub that comes back is not met by all at once.
import Essentials
import Foundation

package struct RetryPolicy: Sendable {
  /// Failures one after another, without any progress between them, that are given up after.
  package var limit = 6
  /// Failures of one file in all: a connection that dies after each byte is no connection.
  package var totalLimit = 200
  package var firstPause = Duration.milliseconds(500)
  package var longestPause = Duration.seconds(8)
  /// The longest pause that a server may ask for; one that asks for more is believed and reported.
  package var longestAsked = Duration.seconds(310)
  package var sleep: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
  /// A factor for a pause.
  package var jitter: @Sendable () -> Double = { .random(in: 0.5...1) }

  package init() {}

  /// Runs `body` until it succeeds, fails for good or has failed too often.
  func run<R>(
    onPause: (TransientFailure, Duration) -> Void = { _, _ in }, _ body: () async throws -> R
  ) async throws -> R {
    var attempts = Attempts(self)
    while true {
      do {
        return try await body()
      } catch let failure as TransientFailure {
        let pause = try attempts.pause(after: failure, madeProgress: false)
        onPause(failure, pause)
        try await sleep(pause)
      }
    }
  }
}

/// How often something has failed, and how long to wait before the next attempt.
struct Attempts {
  private let policy: RetryPolicy
  private var inARow = 0
  private var total = 0

  init(_ policy: RetryPolicy) { self.policy = policy }

  /// - Throws: the failure as a `TuneError` when there have been too many.
  mutating func pause(after failure: TransientFailure, madeProgress: Bool) throws -> Duration {
    if madeProgress { inARow = 0 }
    inARow += 1
    total += 1
    let limit = failure.isHopeful ? policy.limit : min(3, policy.limit)
    guard inARow < limit, total < policy.totalLimit else { throw failure.error }
    if let asked = failure.askedPause {
      guard asked <= policy.longestAsked else { throw failure.error }
      return asked
    }
    let doubled = policy.firstPause * (1 << min(inARow - 1, 20))
    return min(doubled, policy.longestPause) * policy.jitter()
  }
}

/// Something that may be over when it is tried again.
struct TransientFailure: Error {
  /// What the user is told when it stays.
  var error: TuneError
  /// What the server asked for with Retry-After.
  var askedPause: Duration?
  /// A name that does not resolve rarely does a second later.
  var isHopeful = true
}
