// The learning rate as a function of the steps done, so that a resumed run needs no other state.
import Foundation

package enum LearningRateSchedule: Sendable, Equatable {
  case constant(Double)
  /// Linear from 0 to `peak` over `warmupSteps`, then `cycles` waves of a cosine until
  /// `totalSteps`; half a wave ends at 0.
  case cosine(peak: Double, warmupSteps: Int, totalSteps: Int, cycles: Double = 0.5)

  /// One rate a step; the last goes on.
  case tabulated([Double])

  /// The rate of the step after `done` steps: 0 for the very first.
  package func value(step done: Int) -> Double {
    switch self {
    case .constant(let rate): return rate
    case .tabulated(let rates): return rates.isEmpty ? 0 : rates[min(done, rates.count - 1)]
    case .cosine(let peak, let warmupSteps, let totalSteps, let cycles):
      if done < warmupSteps { return peak * (Double(done) / Double(max(1, warmupSteps))) }
      let progress = Double(done - warmupSteps) / Double(max(1, totalSteps - warmupSteps))
      return peak * max(0, 0.5 * (1 + cos(Double.pi * cycles * 2 * progress)))
    }
  }
}
