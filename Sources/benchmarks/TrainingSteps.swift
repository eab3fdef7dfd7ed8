// Whole training steps of a 33.6M-parameter decoder with random weights: plain against QAT,
// recomputing blocks against keeping their graphs, fp32 against bf16. Each configuration is a process
// of its own, so that its peak memory is its own, and the processes of one dtype step in turns.
// Tokens are counted whole; the peak is of resident memory, the program's own included.
import Checkpoints
import Essentials
import Foundation
import Layers
import Tensors

func measureTraining() throws {
  let folder = temporaryPath("model")
  defer { try? FileManager.default.removeItem(atPath: folder) }
  try initializeModelFolder(folder, TrainingWorker.configuration, dtype: .bfloat16, seed: 3)

  let millions = Double(TrainingWorker.configuration.parameterCount) / 1e6
  var table = Table(
    "Training step, \(millions.digits(1))M parameters, group size 256, AdamW",
    [
      "configuration", "batch", "s/step", "tokens/s", "spread", "peak MiB", "step QAT / plain",
      "peak QAT / plain", "rounds",
    ])
  for dtype in [DType.float32, .bfloat16] {
    try measureTraining(dtype, folder, &table)
  }
  table.print()
}

private func measureTraining(_ dtype: DType, _ folder: String, _ table: inout Table) throws {
  // A dtype without fast products gets a small batch, else its steps would take minutes.
  let isSlow = linearSeconds(dtype) > 8 * linearSeconds(.float32)
  let batch = TrainingWorker.Batch(rows: isSlow ? 1 : 4, width: isSlow ? 32 : 256)
  let names = ["keep", "recompute"].flatMap { policy in
    ["plain", "qat"].map { [dtype.label, $0, policy] }
  }
  let workers = try names.map {
    try AskedProcess(
      ownExecutable(),
      [TrainingWorker.command, folder, "\(batch.rows)", "\(batch.width)"] + $0
        + (Clock.countsCPUTime ? [Clock.cpuTimeOption] : []), greeting: "ready")
  }
  let contenders = workers.map { worker in
    Contender(measuredBy: { try worker.number("step") })
  }
  let timings = try inTurns(contenders, budget: isSlow ? 10 : 45, rounds: 3...7)
  let peaks = try workers.map { try $0.number("peak") }
  for (index, name) in names.enumerated() {
    let (timing, plain) = (timings[index], index - index % 2)
    let isPlain = index == plain
    table.add(
      name.joined(separator: " "), "\(batch.rows) x \(batch.width)", timing.median.digits(2),
      (Double(batch.tokens) / timing.median).digits(0), timing.spreadPercent,
      (peaks[index] / 1_048_576).digits(0),
      isPlain ? "" : (timing.median / timings[plain].median).digits(2),
      isPlain ? "" : (peaks[index] / peaks[plain]).digits(2), "\(timing.rounds)")
  }
}

/// Of a small linear layer, forward and backward.
private func linearSeconds(_ dtype: DType) -> Double {
  let leaves = [Tensor.ones([128, 512], dtype).leaf(), Tensor.ones([512, 512], dtype).leaf()]
  func pass() {
    let output = withGraph(true) { leaves[0].linear(leaves[1]) }
    _ = gradients(of: output, seed: .ones(output.shape, dtype), withRespectTo: leaves)
  }
  pass()
  let samples = (0..<3).map { _ in
    let started = Clock.now
    pass()
    return Clock.now - started
  }
  return Timing(samples).median
}

private func ownExecutable() throws -> String {
  try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
}
