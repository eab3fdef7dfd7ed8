// Reads one input after another within bounds: 5 seconds of processor time each and 1 GiB of memory. A
// process of its own, because what is looked for ends it.
import Essentials
import Foundation

struct Child {
  let parser: FuzzedParser
  let seed: UInt64
  /// The first input and the one after the last.
  let numbers: Range<Int>
  /// After which no further input is begun.
  let seconds: Double
  let bounds: Bounds

  struct Bounds {
    /// Of processor time for one input.
    var seconds = 5.0
    /// Beyond what the process takes before the first input.
    var bytes = 1 << 30
  }

  /// The exit code after an input that was answered wrongly; why is on stderr.
  static let wrong: Int32 = 3

  func run(_ progress: Progress) throws -> Int32 {
    try limitMemory()
    let end = Date().addingTimeInterval(seconds)
    for number in numbers {
      progress.number = number
      armTimers()
      let start = DispatchTime.now().uptimeNanoseconds
      let input = parser.input(seed: seed, number: number)
      do {
        try parser.read(input)
      } catch is TuneError {
        progress.refused += 1
      } catch {
        StandardStreams.error("threw \(type(of: error)): \(error)\n")
        return Self.wrong
      }
      note(number, Int(DispatchTime.now().uptimeNanoseconds - start) / 1000, progress)
      if number % 64 == 0, Date() > end {
        progress.number = number + 1
        return 0
      }
    }
    progress.number = numbers.upperBound
    return 0
  }

  private func note(_ number: Int, _ microseconds: Int, _ progress: Progress) {
    if microseconds > progress.slowest {
      (progress.slowest, progress.slowestNumber) = (microseconds, number)
    }
    guard number % 64 == 0 || microseconds > 100_000 else { return }
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    progress.peak = max(progress.peak, Int(usage.ru_maxrss))
  }

  /// Processor time, because other work on the machine counts for nothing; and of the clock's so much more
  /// that it only passes where something waits for ever.
  private func armTimers() {
    func arm(_ timer: __itimer_which, _ seconds: Double) {
      var value = itimerval()
      value.it_value.tv_sec = Int(seconds)
      value.it_value.tv_usec = Int(seconds.truncatingRemainder(dividingBy: 1) * 1_000_000)
      setitimer(__itimer_which_t(timer.rawValue), &value, nil)
    }
    arm(ITIMER_PROF, bounds.seconds)
    arm(ITIMER_REAL, bounds.seconds * 20)
  }

  private func limitMemory() throws {
    let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmData:") }
    let taken = line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    func limit(_ resource: __rlimit_resource, _ value: Int) {
      var limit = rlimit(rlim_cur: rlim_t(value), rlim_max: rlim_t(value))
      setrlimit(__rlimit_resource_t(resource.rawValue), &limit)
    }
    limit(RLIMIT_DATA, taken << 10 + bounds.bytes)
    limit(RLIMIT_CORE, 0)
  }
}
