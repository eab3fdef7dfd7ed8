// Where a recipe of one's own has its say: the learning rate, and what happens after steps.
import Foundation
import Launching
import Training

package struct TrainingHooks {
  /// The learning rate of a step counted from 0, of so many; nil leaves it to the configuration.
  package var learningRate: (@Sendable (_ step: Int, _ count: Int) -> Double)?
  /// After the optimizer's step, on every worker.
  package var stepped: (_ step: Int, _ epoch: Int, StepMetrics) throws -> Void = { _, _, _ in }
  /// After a pass over `dataset_val`, on every worker.
  package var validated: (_ step: Int, _ loss: Double) throws -> Void = { _, _ in }
  /// The signal that asks this worker to save and end.
  package var interruption: @Sendable () -> Int32? = { RunInterruption.noted }
  /// The run that a launcher started this worker for.
  package var launched = LaunchedRun(ProcessInfo.processInfo.environment)

  package init() {}
}
