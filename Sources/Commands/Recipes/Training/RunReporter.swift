// What a training run shows: a progress bar with the loss, metrics to the logger, a summary at the
// end. Metric names are torchtune's.
import Catalog
import Configuration
import Essentials
import Foundation
import Sharding
import Tensors
import Training

final class RunReporter {
  private let device: Device
  private let group: ProcessGroup
  private let log: RecipeLog
  private let logger: (any MetricLogger)?
  private let logsPeakMemory: Bool
  private var bar: ProgressBar?
  private var lastLoss = Double.nan
  private var (tokens, seconds) = (0, 0.0)
  private var (steps, stepsWithoutLabels) = (0, 0)

  init(
    _ root: Section, _ c: ValidatedConfiguration, device: Device, group: ProcessGroup,
    log: RecipeLog
  ) throws {
    self.device = device
    self.group = group
    self.log = log
    logsPeakMemory = root[Keys.logsPeakMemory]
    guard group.rank == 0 else {
      logger = nil
      return
    }
    let section = root[Keys.metricLogger]
    switch section.choice(MetricLoggerChoice.self) {
    case .disk: logger = try Self.diskLogger(section)
    case .stdout: logger = StdoutLogger()
    }
    let output = root[Keys.outputFolder]
    try prepareFolder(output, root, Keys.outputFolder)
    try AtomicFile.write(Data(c.yaml().utf8), to: output + "/torchtune_config.yaml")
  }

  private static func diskLogger(_ section: Section) throws -> DiskLogger {
    let folder = Keys.DiskLogger.folder
    do {
      return try DiskLogger(
        folder: section[folder], filename: section[Keys.DiskLogger.filename])
    } catch var error as TuneError {
      error.location.key = section.location(of: folder).key
      error.remedy = error.remedy ?? "Choose another metric_logger.log_dir."
      throw error
    }
  }

  func begin(_ loop: TrainingLoop, _ trainable: TrainableParameters) throws {
    Devices.resetPeakMemory(of: device)
    let processes = group.worldSize == 1 ? "one process" : "\(group.worldSize) processes"
    func millions(_ count: Int) -> String { String(format: "%.1f", Double(count) / 1e6) }
    let frozen =
      trainable.isEverything ? "" : " (\(millions(trainable.count)) million of them trained)"
    log.info(
      "\(millions(trainable.totalCount)) million parameters\(frozen) on \(processes), \(device); "
        + "\(loop.stepsPerEpoch) steps an epoch")
    if let disk = logger as? DiskLogger { log.info("Metrics go to \(disk.path)") }
    guard group.rank == 0 else { return }
    let bar = ProgressBar(
      label: "training", total: loop.plan.epochs * loop.stepsPerEpoch, unit: "steps")
    let done = loop.progress.epoch * loop.stepsPerEpoch + loop.progress.stepInEpoch
    if done > 0 { bar.advance(by: done) }
    self.bar = bar
  }

  func stepped(_ loop: TrainingLoop, _ step: StepMetrics) throws {
    countLabels(of: step, loop)
    if let skipped = step.skipped {
      pausing { log.warning("\(skipped): the step is passed over, no weight has changed") }
    }
    tokens += step.labelTokens
    seconds += step.seconds
    lastLoss = step.loss
    bar?.advance(note: String(format: "loss %.4f", step.loss))
    let isLast = loop.progress.stepInEpoch == loop.stepsPerEpoch
    guard let logger, loop.progress.step % loop.plan.logEvery == 0 || isLast else { return }
    var metrics: [(String, Double)] = [
      ("loss", step.loss), ("lr", step.learningRate),
      (
        "tokens_per_second_per_gpu",
        Double(step.labelTokens) / step.seconds / Double(group.worldSize)
      ),
    ]
    if logsPeakMemory { metrics += memoryMetrics() }
    if let norm = step.gradientNorm { metrics.append(("grad_norm", norm)) }
    try pausing { try logger.log(step: loop.progress.step, metrics) }
  }

  /// Says it at the first step that has nothing to learn from; the loop refuses an epoch of such steps.
  private func countLabels(of step: StepMetrics, _ loop: TrainingLoop) {
    steps += 1
    guard step.labelTokens == 0 else { return }
    stepsWithoutLabels += 1
    guard stepsWithoutLabels == 1 else { return }
    pausing {
      log.warning(
        "step \(loop.progress.step) has no label to learn from: all its tokens are masked or cut "
          + "off, and its loss is shown as 0")
    }
  }

  func validated(_ loop: TrainingLoop, _ loss: Double) throws {
    try pausing { try logger?.log(step: loop.progress.step, [("val_loss", loss)]) }
    log.info(String(format: "Validation loss after step %d: %.4f", loop.progress.step, loss))
  }

  /// GiB, as in the reference.
  private func memoryMetrics() -> [(String, Double)] {
    let memory = Devices.memory(of: device)
    let gib = Double(1 << 30)
    var metrics = [("peak_memory_active", Double(memory.peakActive) / gib)]
    if device != .cpu {
      metrics += [
        ("peak_memory_alloc", Double(memory.peakActive) / gib),
        ("peak_memory_reserved", Double(memory.peakReserved) / gib),
      ]
    }
    return metrics
  }

  func pausing<R>(_ body: () throws -> R) rethrows -> R { try bar?.pausing(body) ?? body() }

  func finish(_ loop: TrainingLoop) throws {
    bar?.finish()
    if stepsWithoutLabels > 0 {
      log.warning("\(stepsWithoutLabels) of \(steps) steps had no label to learn from")
    }
    // The largest of the ranks is what a machine must have.
    let peaks = try (0..<group.worldSize).map { rank in
      try group.sums([group.rank == rank ? Double(Devices.memory(of: device).peakActive) : 0])[0]
    }
    let rate = seconds > 0 ? Double(tokens) / seconds : 0
    log.info(
      String(
        format: "Done: loss %.4f, %.0f label tokens/s, peak memory %.0f MiB a process", lastLoss,
        rate, (peaks.max() ?? 0) / Double(1 << 20)))
    logger?.close()
  }
}
