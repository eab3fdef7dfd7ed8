// Ctrl-C in a run of one process: it ends at once, and says how to go on. A handler of signals may neither
// allocate nor lock, so what it says is ready before.
import Foundation

enum RunInterruption {
  /// Unchecked: the handler only reads the pointer, which is replaced as a whole.
  private final class Text: @unchecked Sendable {
    let place = UnsafeMutablePointer<UnsafeMutablePointer<CChar>>.allocate(capacity: 1)
    init() { place.initialize(to: strdup("\nThe run was interrupted.\n")) }
  }
  private static let text = Text()

  static func handle() {
    _ = text
    var handled = sigset_t()
    sigemptyset(&handled)
    for number in [SIGINT, SIGTERM] where !isIgnored(number) {
      signal(number, endByInterruption)
      sigaddset(&handled, number)
    }
    // Some programs start others from threads that block every signal, and these inherit it.
    pthread_sigmask(SIG_UNBLOCK, &handled, nil)
  }

  /// Whoever started the process may want it so, as nohup does.
  private static func isIgnored(_ number: Int32) -> Bool {
    var action = sigaction()
    sigaction(number, nil, &action)
    #if os(Linux)
      let handler = action.__sigaction_handler.sa_handler
    #else
      let handler = action.__sigaction_u.__sa_handler
    #endif
    return unsafeBitCast(handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }

  /// What the user reads from now on; the text before stays in memory, for a handler that has begun.
  static func say(_ remedy: String) {
    text.place.pointee = strdup("\nThe run was interrupted. \(remedy)\n")
  }

  fileprivate static func end(_ signal: Int32) -> Never {
    let message = text.place.pointee
    _ = write(STDERR_FILENO, message, strlen(message))
    _exit(128 + signal)
  }
}

private func endByInterruption(_ signal: Int32) { RunInterruption.end(signal) }
