// Timings of contenders in turns, so that a disturbance hits all of them alike, and their medians.
import Foundation

/// Seconds since some moment: of the wall clock, or those that this process computed. The latter serve
/// on a busy machine, with one thread; threads that wait for each other spin, and would be counted.
enum Clock {
  static let cpuTimeOption = "--cpu-time"
  static let countsCPUTime = CommandLine.arguments.contains(cpuTimeOption)

  static var now: Double {
    var time = timespec()
    clock_gettime(countsCPUTime ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}

/// Something to time: a call gives the seconds that one unit of its work took.
struct Contender {
  let measure: () throws -> Double

  /// Times `body` as it stands; a sample is `repeats` calls.
  init(repeats: Int = 1, _ body: @escaping () throws -> Void) {
    measure = {
      let started = Clock.now
      for _ in 0..<repeats { try body() }
      return (Clock.now - started) / Double(repeats)
    }
  }
  /// For work that is timed elsewhere, in another process.
  init(measuredBy measure: @escaping () throws -> Double) { self.measure = measure }
}

struct Timing {
  /// Seconds.
  let median: Double
  /// Half the distance of the quartiles, as a share of the median.
  let spread: Double
  let rounds: Int

  init(_ samples: [Double]) {
    let sorted = samples.sorted()
    func quantile(_ share: Double) -> Double {
      let place = share * Double(sorted.count - 1)
      let low = Int(place)
      let high = min(low + 1, sorted.count - 1)
      return sorted[low] + (sorted[high] - sorted[low]) * (place - Double(low))
    }
    rounds = samples.count
    median = quantile(0.5)
    spread = (quantile(0.75) - quantile(0.25)) / 2 / median
  }
}

/// Measures all in turns, after one round that does not count unless the least is a single round.
/// - Parameters:
///   - budget: seconds for all rounds; the number of rounds is what fits.
///   - rounds: the least and the most rounds.
func inTurns(
  _ contenders: [Contender], budget: Double, rounds: ClosedRange<Int> = 5...40
) throws -> [Timing] {
  var samples = [[Double]](repeating: [], count: contenders.count)
  if rounds.lowerBound > 1 {
    for contender in contenders { _ = try contender.measure() }
  }
  let started = DispatchTime.now().uptimeNanoseconds
  func spent() -> Double { Double(DispatchTime.now().uptimeNanoseconds - started) / 1e9 }
  while samples[0].count < rounds.lowerBound
    || (spent() < budget && samples[0].count < rounds.upperBound)
  {
    for (index, contender) in contenders.enumerated() {
      samples[index].append(try contender.measure())
    }
  }
  return samples.map(Timing.init)
}
