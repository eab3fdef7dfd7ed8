// What the system tells of a process by its number: whether it runs, since when, and how much it has computed.
import Foundation

package struct ProcessTimes: Sendable {
  /// `R` runs, `S` sleeps, `T` is stopped, `Z` has ended and was not waited for.
  package let state: Character
  /// Seconds of the processor.
  package let computed: Double
  /// Seconds after the start of the system.
  let started: Double

  /// Nil where there is none, or where the system does not tell.
  package init?(_ process: pid_t) {
    guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
      // The name before it may hold anything.
      let end = text.lastIndex(of: ")")
    else { return nil }
    let fields = text[text.index(after: end)...].split(separator: " ")
    let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
    guard fields.count > 19, let state = fields[0].first, ticks > 0, let user = Double(fields[11]),
      let system = Double(fields[12]), let start = Double(fields[19])
    else { return nil }
    self.state = state
    computed = (user + system) / ticks
    started = start / ticks
  }

  /// Whether a process of this number runs, and began before the file was last written: numbers are given
  /// anew.
  static func mayHaveWritten(_ process: pid_t, _ path: String) -> Bool {
    guard kill(process, 0) == 0 || errno == EPERM else { return false }
    guard let times = ProcessTimes(process) else { return true }
    if times.state == "Z" { return false }
    var (status, now, sinceStart) = (stat(), timespec(), timespec())
    guard lstat(path, &status) == 0, clock_gettime(CLOCK_REALTIME, &now) == 0,
      clock_gettime(CLOCK_BOOTTIME, &sinceStart) == 0
    else { return true }
    func seconds(_ time: timespec) -> Double { Double(time.tv_sec) + Double(time.tv_nsec) / 1e9 }
    let age = seconds(now) - seconds(status.st_mtim)
    // A second for clocks that are set meanwhile.
    return seconds(sinceStart) - times.started >= age - 1
  }
}
