// Ctrl-C and SIGTERM in a worker. A run of one process ends at once and says how to resume; with
// `save_on_interrupt` the first signal is noted, the loop finishes its step and saves, and a second signal ends
// the process. A handler of signals may neither allocate nor lock, so what it says is ready before.
import Essentials
import Foundation
import Launching

/// A worker that was asked to end and has saved.
struct RunInterrupted: Error {
  let signal: Int32
  /// Where the save is, in words; nil where nothing is saved.
  let report: String?
}

package enum RunInterruption {
  /// Unchecked: the handler reads and writes single words, which are replaced as a whole.
  private final class Words: @unchecked Sendable {
    let text = UnsafeMutablePointer<UnsafeMutablePointer<CChar>>.allocate(capacity: 1)
    /// Said once when the first signal is noted.
    let note = UnsafeMutablePointer<UnsafeMutablePointer<CChar>>.allocate(capacity: 1)
    let savesFirst = UnsafeMutablePointer<sig_atomic_t>.allocate(capacity: 1)
    let noted = UnsafeMutablePointer<sig_atomic_t>.allocate(capacity: 1)
    init() {
      text.initialize(to: strdup(""))
      note.initialize(to: strdup(""))
      savesFirst.initialize(to: 0)
      noted.initialize(to: 0)
    }
  }
  private static let words = Words()

  /// In a process without a launcher, which speaks for itself.
  static func handle() {
    words.text.pointee = strdup("\nThe run was interrupted.\n")
    words.note.pointee = strdup(WorkerGroup.savingNote)
    install()
  }

  private static func install() {
    var handled = sigset_t()
    sigemptyset(&handled)
    for number in [SIGINT, SIGTERM] where !isIgnored(number) {
      signal(number, endByInterruption)
      sigaddset(&handled, number)
    }
    // Some programs start others from threads that block every signal, and these inherit it.
    pthread_sigmask(SIG_UNBLOCK, &handled, nil)
  }

  /// From now on the first signal is noted only.
  static func saveFirst() {
    words.savesFirst.pointee = 1
    install()
  }

  /// From now on every signal ends the process: there is nothing to save any more.
  static func endAtOnce() { words.savesFirst.pointee = 0 }

  /// The signal that was noted; nil for none.
  package static var noted: Int32? {
    words.noted.pointee == 0 ? nil : Int32(words.noted.pointee)
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

  /// What the user reads from now on; the text before stays in memory, for a handler that has begun. A
  /// launcher says it for its workers.
  static func say(_ remedy: String) {
    guard words.text.pointee.pointee != 0 else { return }
    words.text.pointee = strdup(sentence(remedy))
  }

  static func sentence(_ remedy: String) -> String { "\nThe run was interrupted. \(remedy)\n" }

  fileprivate static func receive(_ signal: Int32) {
    if words.savesFirst.pointee == 1, words.noted.pointee == 0 {
      words.noted.pointee = sig_atomic_t(signal)
      let note = words.note.pointee
      _ = write(STDERR_FILENO, note, strlen(note))
      return
    }
    let message = words.text.pointee
    _ = write(STDERR_FILENO, message, strlen(message))
    _exit(128 + signal)
  }
}

private func endByInterruption(_ signal: Int32) { RunInterruption.receive(signal) }
