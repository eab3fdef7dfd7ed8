// Carries what a worker writes into a pipe to the console, each line under its rank, and to its
// log. Whole lines only: lines of several workers never mix.
import Foundation

/// A pipe whose ends no other process inherits by accident.
struct Pipe {
  let readingEnd: Int32
  let writingEnd: Int32

  /// Nil when the process has no descriptors left.
  init?() {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { return nil }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    (readingEnd, writingEnd) = (ends[0], ends[1])
  }
}

struct OutputPump {
  /// Written before each line on the console.
  let prefix: String
  /// Nil when the console is not to see it.
  let console: Int32?
  let log: FileHandle?

  /// Starts to carry from `descriptor`, which it closes at the end; `done` is left then.
  func start(from descriptor: Int32, _ done: DispatchGroup) {
    done.enter()
    Thread.detachNewThread { [self] in
      run(from: descriptor)
      close(descriptor)
      try? log?.close()
      done.leave()
    }
  }

  private func run(from descriptor: Int32) {
    var line: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 14)
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { break }
      // A full disk must not stop the run for the sake of its log.
      try? log?.write(contentsOf: buffer[..<count])
      guard let console else { continue }
      line += buffer[..<count]
      // Carriage returns redraw a progress bar; of those only the last state is worth a line.
      guard let end = line.lastIndex(of: UInt8(ascii: "\n")) else {
        if line.count > 1 << 16 { flush(&line, to: console) }
        continue
      }
      write(lines: line[...end], to: console)
      line.removeSubrange(...end)
    }
    if let console, !line.isEmpty { flush(&line, to: console) }
  }

  private func flush(_ line: inout [UInt8], to console: Int32) {
    write(lines: line + [UInt8(ascii: "\n")], to: console)
    line = []
  }

  private func write(lines: some Collection<UInt8>, to console: Int32) {
    var text: [UInt8] = []
    for line in lines.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      .dropLast()
    {
      let shown = line.split(separator: UInt8(ascii: "\r")).last ?? line[...]
      text += Array(prefix.utf8) + shown + [UInt8(ascii: "\n")]
    }
    var rest = text[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Foundation.write(console, $0.baseAddress, $0.count) }
      if count < 0, errno != EINTR { return }
      rest = rest.dropFirst(max(0, count))
    }
  }
}
