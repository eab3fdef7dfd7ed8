// The progress bar on a terminal of any width and in a pipe, with a clock of its own.
import Foundation
import Testing

@testable import Essentials

@Suite struct ProgressBarTests {
  /// Everything written, and the time that passes only when told.
  final class Screen {
    var text = ""
    var time = 100.0
    var width = 100
    func display(terminal: Bool) -> ProgressBar.Display {
      .init(
        isTerminal: terminal, width: { self.width }, write: { self.text += $0 },
        clock: { self.time })
    }
    /// What stands after the last carriage return.
    var line: String {
      text.split(separator: "\r").last.map { $0.replacingOccurrences(of: "\u{1B}[K", with: "") }
        ?? ""
    }
  }

  @Test func terminal() {
    let screen = Screen()
    let bar = ProgressBar(
      label: "training", total: 200, unit: "steps", display: screen.display(terminal: true))
    #expect(screen.line.hasPrefix("training   0 %"))
    screen.time += 10
    bar.advance(by: 50, note: "loss 2.31")
    #expect(screen.line.hasPrefix("training  25 % │████████▎  "))
    #expect(screen.line.hasSuffix("50/200 steps  5.00 steps/s  30 s left  loss 2.31"))
    // Ten times a second at most.
    let before = screen.text
    screen.time += 0.05
    for _ in 0..<100 { bar.advance() }
    #expect(screen.text == before)
    screen.time += 0.06
    bar.advance()
    #expect(screen.line.contains("151/200 steps"))
    bar.finish()
    #expect(screen.text.hasSuffix("\r\u{1B}[K"))
    let end = screen.text
    bar.finish()
    bar.advance()
    #expect(screen.text == end)
  }

  @Test(arguments: [1, 12, 30, 50, 60, 75, 80, 120, 300])
  func neverWiderThanTheTerminal(width: Int) {
    let screen = Screen()
    screen.width = width
    let bar = ProgressBar(
      label: "evaluating", total: 1_000_000, unit: "tokens", display: screen.display(terminal: true)
    )
    for _ in 0..<20 {
      screen.time += 7
      bar.advance(by: 51_234, note: "a note of some length")
      #expect(screen.line.count <= max(10, width - 1))
    }
  }

  @Test func theSizeMayBeFoundOnTheWay() {
    let screen = Screen()
    let bar = ProgressBar(
      label: "building", total: 0, unit: "files", display: screen.display(terminal: true))
    for (done, total) in [(1, 2), (10, 200), (50, 200)] {
      screen.time += 10
      bar.move(to: done, of: total)
    }
    #expect(screen.line.hasPrefix("building  25 % "))
    #expect(screen.line.contains("50/200 files"))
    bar.finish()
  }

  @Test func pipe() {
    let screen = Screen()
    let bar = ProgressBar(
      label: "quantizing", total: 25, unit: "tensors", display: screen.display(terminal: false))
    for step in 1...25 {
      screen.time += 1
      bar.advance(note: "t\(step)")
    }
    bar.finish()
    let lines = screen.text.split(separator: "\n")
    #expect(lines.count == 10)
    #expect(lines[0] == "quantizing: 12 % (3/25 tensors, 1.00 tensors/s, 22 s left)  t3")
    #expect(lines[9] == "quantizing: 25 tensors in 25 s  t25")
  }

  @Test func aShortTaskInAPipe() {
    let screen = Screen()
    let bar = ProgressBar(
      label: "loading", total: 1000, unit: "tensors", display: screen.display(terminal: false))
    for _ in 1...1000 {
      screen.time += 0.0015
      bar.advance()
    }
    bar.finish()
    // One line after a second, one at the end.
    #expect(screen.text.split(separator: "\n").count == 2)
  }

  @Test func pausing() {
    let screen = Screen()
    let bar = ProgressBar(
      label: "training", total: 4, unit: "steps", display: screen.display(terminal: true))
    bar.pausing { screen.text += "a line\n" }
    #expect(screen.text.hasSuffix("\r\u{1B}[Ka line\n"))
    bar.advance()
    #expect(screen.line.contains("1/4 steps"))
  }

  @Test func durations() {
    #expect(ProgressBar.duration(0.4) == "0 s")
    #expect(ProgressBar.duration(59.6) == "1:00")
    #expect(ProgressBar.duration(187) == "3:07")
    #expect(ProgressBar.duration(7387) == "2:03:07")
    #expect(ProgressBar.duration(.infinity) == "?")
  }
}
