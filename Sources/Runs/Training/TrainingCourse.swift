// How a run goes through its data: how many steps an epoch has and where the run begins. All of it is
// known, and refused where it makes no sense, before a weight is read.
import Datasets
import Essentials

package struct TrainingCourse: Sendable {
  package let stepsPerEpoch: Int
  package private(set) var progress = TrainingProgress()
  /// This rank's batches from the beginning on.
  private(set) var stream: BatchStream
  private let accumulation: Int

  /// - Throws: `TuneError` `.data` when an epoch has not one step.
  package init(_ stream: BatchStream, _ plan: TrainingPlan) throws {
    let all = stream.batchesPerEpoch / plan.accumulation
    stepsPerEpoch = plan.maximumStepsPerEpoch.map { min($0, all) } ?? all
    guard stepsPerEpoch > 0 else {
      throw TuneError(
        .data,
        "an epoch has \(stream.batchesPerEpoch) batches on each process, fewer than one step of "
          + "\(Setting.accumulation): \(plan.accumulation)",
        remedy: "Give more data, or lower \(Setting.batchSize) or \(Setting.accumulation).")
    }
    self.stream = stream
    accumulation = plan.accumulation
  }

  /// What an epoch leaves out though nothing asks for it, in words; nil for nothing.
  package var leftOut: String? {
    let micro = stream.batchesPerEpoch % accumulation
    let samples = stream.leftOutSamples + micro * stream.batchSize * stream.worldSize
    guard samples > 0, stepsPerEpoch == stream.batchesPerEpoch / accumulation else { return nil }
    return "Each epoch leaves out \(samples) of \(stream.sampleCount) samples, which do not fill a "
      + "last step"
  }

  /// Begins at a saved place. The samples decide where in the epoch that is: another number of
  /// processes or another batch size makes steps of another size.
  /// - Parameter repeatsSamples: where the saved place lies within a step of this run, begins with that step,
  ///   whose first samples were trained on before. Otherwise such a place is refused.
  package mutating func resume(at saved: TrainingProgress, repeatsSamples: Bool = false) throws {
    var saved = saved
    if repeatsSamples {
      saved.consumedSamples -= saved.consumedSamples % (stream.batchSize * stream.worldSize)
    }
    try stream.seek(epoch: saved.epoch, consumedSamples: saved.consumedSamples)
    progress = saved
    progress.stepInEpoch = (stream.state.batch + accumulation - 1) / accumulation
  }
}
