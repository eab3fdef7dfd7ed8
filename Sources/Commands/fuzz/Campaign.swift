// Runs a parser over many inputs, in children that are started again after each death, and says what it found.
import Essentials
import Foundation

struct Campaign {
  let name: String
  let seed: UInt64
  let numbers: Range<Int>
  let seconds: Double
  let options: Options
  /// Of one parser; what is found after so many is hardly anything new.
  private static let mostFaults = 20
  /// So that memory that a child does not give back shows as a peak, and no more.
  private static let childCount = 1_000_000

  /// What every campaign of a call shares, handed on to the children.
  struct Options {
    var fixtures: String
    var scratch: String
    var bounds = Child.Bounds()
  }

  struct Fault {
    var number: Int
    var what: String
  }

  /// - Returns: the faults, which have been printed.
  func run() throws -> [Fault] {
    let path = options.scratch + "/progress"
    try? FileManager.default.removeItem(atPath: path)
    let progress = try Progress(path: path)
    let start = Date()
    var faults: [Fault] = []
    var next = numbers.lowerBound
    while next < numbers.upperBound, faults.count < Self.mostFaults {
      let left = seconds - Date().timeIntervalSince(start)
      if next > numbers.lowerBound, left <= 0 { break }
      let end = min(numbers.upperBound, next + Self.childCount)
      progress.number = next
      if let what = try child(next..<end, left) {
        let fault = Fault(number: progress.number, what: what)
        faults.append(fault)
        show(fault)
        next = progress.number + 1
      } else {
        next = progress.number
      }
    }
    let took = Date().timeIntervalSince(start)
    Fuzz.say(summary(count: next - numbers.lowerBound, faults.count, progress, took))
    return faults
  }

  /// Runs a child over some inputs.
  /// - Returns: how it died, nil when it did not.
  private func child(_ numbers: Range<Int>, _ seconds: Double) throws -> String? {
    let process = Process()
    process.executableURL = URL(
      fileURLWithPath: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
    process.arguments = [
      Fuzz.childCommand, name, String(seed), String(numbers.lowerBound), String(numbers.upperBound),
      String(seconds), options.fixtures, options.scratch, String(options.bounds.seconds),
      String(options.bounds.bytes),
    ]
    var environment = ProcessInfo.processInfo.environment
    environment["SWIFT_BACKTRACE"] = "enable=no"
    environment["OMP_NUM_THREADS"] = "1"
    process.environment = environment
    let output = options.scratch + "/stderr"
    try Data().write(to: URL(fileURLWithPath: output))
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: output))
    process.standardError = handle
    process.standardInput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    try handle.close()
    let status = process.terminationStatus
    if process.terminationReason == .exit, status == 0 { return nil }
    let lines = try String(contentsOfFile: output, encoding: .utf8).split(separator: "\n")
    // Behind the reason there may be a trace.
    let said = lines.first { $0.contains("Fatal error") } ?? lines.last
    let how = process.terminationReason == .exit ? "exit code \(status)" : Self.death(status)
    return how + (said.map { ": \($0.prefix(300))" } ?? "")
  }

  private static func death(_ signal: Int32) -> String {
    switch signal {
    case SIGPROF: "takes more processor time than it may"
    case SIGALRM: "waits for ever"
    default: "ended by signal \(signal) (\(String(cString: strsignal(signal))))"
    }
  }

  private func show(_ fault: Fault) {
    Fuzz.say("FAULT \(name), input \(fault.number): \(fault.what)")
    Fuzz.say("  again: make fuzz PARSER=\(name) SEED=\(seed) FROM=\(fault.number) COUNT=1")
  }

  private func summary(count: Int, _ faults: Int, _ progress: Progress, _ seconds: Double)
    -> String
  {
    func padded(_ value: some CustomStringConvertible, _ width: Int) -> String {
      let text = value.description
      return String(repeating: " ", count: max(0, width - text.count)) + text
    }
    let refused = count == 0 ? 0 : 100 * progress.refused / count
    let name = name + String(repeating: " ", count: max(0, 18 - name.count))
    return name + padded(count, 10) + " inputs, \(padded(refused, 3)) % refused, slowest "
      + padded(progress.slowest / 1000, 5) + " ms (\(progress.slowestNumber)), peak "
      + padded(progress.peak >> 10, 5) + " MiB, \(faults) faults, \(Int(seconds)) s"
  }
}
