// What happens while a launcher waits: a worker ends, the user interrupts, another node speaks. Threads that block on
// the system put it in a queue, and the launcher takes it out one by one.
import Essentials
import Foundation

enum LaunchEvent {
  case exit(worker: Int, WorkerExit)
  case signal(Int32)
  /// The host of several nodes says something.
  case host(HostMessage)
  case hostLost
  case cannotJoin(TuneError)
}

/// Unchecked because the condition guards the events.
final class LaunchEvents: @unchecked Sendable {
  private let condition = NSCondition()
  private var events: [LaunchEvent] = []

  func post(_ event: LaunchEvent) {
    condition.withLock {
      events.append(event)
      condition.signal()
    }
  }

  /// The next event, or nil when the deadline passes first.
  func next(before deadline: Date? = nil) -> LaunchEvent? {
    condition.withLock {
      while events.isEmpty {
        guard let deadline else {
          condition.wait()
          continue
        }
        if !condition.wait(until: deadline) { break }
      }
      return events.isEmpty ? nil : events.removeFirst()
    }
  }
}

/// Signals that end a run. They are blocked and waited for, instead of handled: a handler may do
/// next to nothing. Must be made before the process has other threads. A hangup is not among
/// them: nohup wants it ignored, and otherwise it ends the launcher, whose lifeline ends the
/// workers.
package struct EndingSignals: Sendable {
  private static var set: sigset_t {
    var set = sigset_t()
    sigemptyset(&set)
    for signal in [SIGINT, SIGTERM] { sigaddset(&set, signal) }
    return set
  }

  package init() {
    var set = Self.set
    pthread_sigmask(SIG_BLOCK, &set, nil)
  }

  func deliver(to events: LaunchEvents) {
    Thread.detachNewThread {
      var set = Self.set
      var signal: Int32 = 0
      while sigwait(&set, &signal) == 0 { events.post(.signal(signal)) }
    }
  }
}
