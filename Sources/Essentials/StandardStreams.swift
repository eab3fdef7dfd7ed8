// Text to standard output and standard error, unbuffered and in order. A reader that has gone away,
// as in `tune ... | head`, is no error: what it did not want is dropped.
import Foundation

package enum StandardStreams {
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
