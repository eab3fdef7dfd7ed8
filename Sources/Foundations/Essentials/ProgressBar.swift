// How far a long task is, on standard error: on a terminal one line that redraws itself, with rate
// and time left; into a pipe or file a plain line at every tenth, at most one a second. `advance` is
// cheap enough for inner loops. For one thread.
import Foundation

package final class ProgressBar {
  /// Where a bar draws, and what it knows of that place; replaced in tests.
  package struct Display {
    package var isTerminal: Bool
    /// Columns, asked anew at each redraw: a window may be resized.
    package var width: () -> Int
    package var write: (String) -> Void
    /// Seconds from any start.
    package var clock: () -> Double

    package init(
      isTerminal: Bool, width: @escaping () -> Int, write: @escaping (String) -> Void,
      clock: @escaping () -> Double
    ) {
      self.isTerminal = isTerminal
      self.width = width
      self.write = write
      self.clock = clock
    }

    package static var standardError: Display {
      let terminal = isatty(STDERR_FILENO) == 1 && getenv("TERM").map { strcmp($0, "dumb") } != 0
      return Display(
        isTerminal: terminal, width: terminalWidth,
        write: StandardStreams.error,
        clock: { Double(DispatchTime.now().uptimeNanoseconds) / 1e9 })
    }
  }

  private let label: String
  private var total: Int
  private let unit: String
  private let display: Display
  private let started: Double
  private var done = 0
  private var note = ""
  private var pace: Pace
  private var isDrawn = false
  private var isFinished = false
  private var lastDraw: Double
  private var nextTenth = 1

  /// - Parameters:
  ///   - total: how many units the task has; 0 when unknown.
  ///   - unit: in the plural, such as `steps`.
  package init(label: String, total: Int, unit: String, display: Display = .standardError) {
    self.label = label
    self.total = max(0, total)
    self.unit = unit
    self.display = display
    started = display.clock()
    pace = Pace(time: started)
    lastDraw = started
    if display.isTerminal { draw(at: started) }
  }

  deinit { if isDrawn { display.write(Self.clearLine) } }

  /// - Parameter note: shown at the end of the line until another comes, such as the loss.
  package func advance(by count: Int = 1, note: String? = nil) {
    done += count
    if let note { self.note = note }
    let now = display.clock()
    if display.isTerminal {
      // Ten times a second is as often as anyone can read.
      if now - lastDraw >= 0.1 { draw(at: now) }
    } else if total > 0, done < total, done * 10 >= nextTenth * total, now - lastDraw >= 1 {
      lastDraw = now
      nextTenth = done * 10 / total + 1
      pace.update(time: now, done: done)
      display.write(plainLine(at: now) + "\n")
    }
  }

  /// For a task whose size is found as it goes: how much is done, and of how much.
  package func move(to done: Int, of total: Int) {
    self.total = max(0, total)
    advance(by: max(0, done - self.done))
  }

  /// Prints something else on the terminal without a torn line; the bar comes back after it.
  package func pausing<R>(_ body: () throws -> R) rethrows -> R {
    clear()
    if display.isTerminal { lastDraw = -.infinity }
    return try body()
  }

  /// Removes the bar; into a pipe, writes the last line.
  package func finish() {
    guard !isFinished else { return }
    isFinished = true
    clear()
    guard !display.isTerminal, done > 0 else { return }
    let seconds = display.clock() - started
    display.write("\(label): \(done) \(unit) in \(Self.duration(seconds))\(noteSuffix)\n")
  }

  private func clear() {
    guard isDrawn else { return }
    display.write(Self.clearLine)
    isDrawn = false
  }
  private static let clearLine = "\r\u{1B}[K"

  private func draw(at now: Double) {
    guard !isFinished else { return }
    pace.update(time: now, done: done)
    lastDraw = now
    isDrawn = true
    display.write("\r" + terminalLine(at: now, width: display.width()) + "\u{1B}[K")
  }

  private var noteSuffix: String { note.isEmpty ? "" : "  " + note }
  private var fraction: Double { total > 0 ? min(1, Double(done) / Double(total)) : 0 }
  private var percent: String { "\(Int(fraction * 100)) %" }
  private var counts: String { total > 0 ? "\(done)/\(total) \(unit)" : "\(done) \(unit)" }

  private func timing(at now: Double) -> [String] {
    guard let rate = pace.unitsPerSecond else { return [] }
    let shown = "\(Self.rate(rate)) \(unit)/s"
    guard total > 0, done < total else { return [shown] }
    return [shown, Self.duration(Double(total - done) / rate) + " left"]
  }

  private func plainLine(at now: Double) -> String {
    let inside = ([counts] + timing(at: now)).joined(separator: ", ")
    return "\(label): \(percent) (\(inside))\(noteSuffix)"
  }

  /// What does not fit goes: the bar shrinks, then the note, then the rest from its end.
  private func terminalLine(at now: Double, width: Int) -> String {
    let columns = max(10, width - 1)
    let after = ([counts] + timing(at: now)).joined(separator: "  ")
    guard total > 0 else { return Self.cut("\(label)  \(after)\(noteSuffix)", to: columns) }
    let before = label + String(repeating: " ", count: max(1, 6 - percent.count)) + percent
    for suffix in [noteSuffix, ""] {
      let room = columns - before.count - after.count - suffix.count - 4
      if room >= 8 {
        return "\(before) \(Self.bar(fraction, width: min(room, 40))) \(after)\(suffix)"
      }
    }
    return Self.cut("\(before)  \(after)", to: columns)
  }

  private static func cut(_ text: String, to columns: Int) -> String {
    String(text.prefix(columns))
  }

  private static func bar(_ fraction: Double, width: Int) -> String {
    let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
    let eighths = Int(fraction * Double(width * 8))
    let filled = String(repeating: "█", count: eighths / 8) + parts[eighths % 8]
    return "│" + filled + String(repeating: " ", count: width - filled.count) + "│"
  }

  static func rate(_ value: Double) -> String {
    switch value {
    case ..<10: String(format: "%.2f", value)
    case ..<100: String(format: "%.1f", value)
    default: String(format: "%.0f", value)
    }
  }

  /// 45 s, 3:07, 2:03:07.
  package static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e9 else { return "?" }
    let whole = Int(seconds.rounded())
    if whole < 60 { return "\(whole) s" }
    let (minutes, rest) = (whole / 60, whole % 60)
    if minutes < 60 { return String(format: "%d:%02d", minutes, rest) }
    return String(format: "%d:%02d:%02d", minutes / 60, minutes % 60, rest)
  }

  private static func terminalWidth() -> Int {
    var size = winsize()
    let found = ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
    return found ? Int(size.ws_col) : 80
  }
}

/// The recent rate: the mean over the run at first, then one that forgets old stretches, so that the
/// time left follows a task that speeds up or slows down.
private struct Pace {
  private var time: Double
  private var done = 0
  private var secondsPerUnit: Double?

  init(time: Double) { self.time = time }

  var unitsPerSecond: Double? { secondsPerUnit.flatMap { $0 > 0 ? 1 / $0 : nil } }

  mutating func update(time now: Double, done nowDone: Int) {
    let (seconds, units) = (now - time, nowDone - done)
    guard units > 0, seconds > 0 else { return }
    let measured = seconds / Double(units)
    // A stretch counts for more the longer it was: a weight of one half after three seconds.
    let weight = 1 - Foundation.exp(-seconds / 4.3)
    secondsPerUnit = secondsPerUnit.map { $0 + (measured - $0) * weight } ?? measured
    (time, done) = (now, nowDone)
  }
}
