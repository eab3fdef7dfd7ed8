// Text to standard output and standard error, unbuffered and in order. A place that takes no more, a
// full disk or a closed terminal, is no reason to end a training: what it did not take is dropped.
import Foundation

package enum StandardStreams {
  /// Call it first thing in a program: what a reader who went away, or a limit of the size of files, does not
  /// take is then an error of the write like that of a full disk, instead of the end.
  package static func keepRunningWithoutReaders() {
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
  }

  package static func output(_ text: String) { write(text, STDOUT_FILENO) }
  package static func error(_ text: String) { write(text, STDERR_FILENO) }

  private static func write(_ text: String, _ descriptor: Int32) {
    var text = text
    text.withUTF8 { bytes in
      var rest = bytes[...]
      while !rest.isEmpty {
        let written = Foundation.write(descriptor, Array(rest), rest.count)
        if written < 0, errno == EINTR { continue }
        guard written > 0 else { return }
        rest = rest.dropFirst(written)
      }
    }
  }
}
