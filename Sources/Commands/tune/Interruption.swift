// Asynchronous work in a command, ended by the user: the first interrupt cancels it, so that it can
// leave things in order; a second one ends the process.
import ArgumentParser
import Essentials
import Foundation
import Hub
import Synchronization

/// Runs `body` to its end.
/// - Parameter message: what the user is told after an interrupt.
/// - Throws: what `body` throws; `ExitCode` of 128 and the signal's number when interrupted.
func interruptible<R: Sendable>(
  message: String, _ body: @escaping @Sendable () async throws -> R
) throws -> R {
  let interrupt = Interrupt()
  var sources: [any DispatchSourceSignal] = []
  defer {
    for source in sources { source.cancel() }
    for number in Interrupt.signals { signal(number, SIG_DFL) }
  }
  do {
    return try blocking(
      onStart: { cancel in
        for number in Interrupt.signals {
          signal(number, SIG_IGN)
          let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
          source.setEventHandler {
            interrupt.note(number)
            signal(number, SIG_DFL)
            cancel()
          }
          source.activate()
          sources.append(source)
        }
      }, body)
  } catch let error {
    guard let number = interrupt.number else { throw error }
    StandardStreams.error(message + "\n")
    throw ExitCode(128 + number)
  }
}

private final class Interrupt: Sendable {
  static let signals = [SIGINT, SIGTERM]
  private let noted = Mutex<Int32?>(nil)
  var number: Int32? { noted.withLock { $0 } }
  func note(_ number: Int32) { noted.withLock { $0 = number } }
}
