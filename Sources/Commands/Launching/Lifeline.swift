// Workers must not outlive their launcher, however it dies. They inherit the reading end of a
// pipe whose writing end only the launcher has: when it is gone, the system closes the pipe, and
// each worker ends itself. A signal of the launcher would not do: SIGKILL runs no handler.
import Foundation

package enum Lifeline {
  /// Tells a worker the descriptor to watch.
  static let variable = "SWIFT_TUNE_LIFELINE"

  /// Where workers find the pipe.
  static let descriptor: Int32 = 3

  /// In a worker that a launcher started: watches from now on. Elsewhere: does nothing.
  package static func watch(
    _ environment: [String: String] = ProcessInfo.processInfo.environment
  ) {
    guard let text = environment[variable], let descriptor = Int32(text), descriptor > 2 else {
      return
    }
    watch(descriptor) {
      // The whole group, so that nothing the worker started is left either.
      if getpgrp() == getpid() { kill(0, SIGKILL) }
      _exit(1)
    }
  }

  static func watch(_ descriptor: Int32, whenOrphaned end: @escaping @Sendable () -> Void) {
    Thread.detachNewThread {
      var byte: UInt8 = 0
      while true {
        let count = read(descriptor, &byte, 1)
        if count < 0, errno == EINTR { continue }
        // An error is no sign of death: a worker started by hand may name no pipe at all.
        if count == 0 { end() }
        if count <= 0 { return }
      }
    }
  }
}
