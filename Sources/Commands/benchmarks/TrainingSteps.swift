// Whole training steps of a decoder with random weights: plain against QAT, recomputing blocks against
// keeping their graphs, fp32 against bf16. Each configuration is a process of its own, so that its peak
// memory is its own; a pair, plain and QAT, steps in turns.
// Tokens are counted whole; the peak is of resident memory, the program's own included.
import Checkpoints
import Essentials
import Foundation
import Layers
import Tensors

func measureTraining(_ model: TrainingWorker.Model) throws {
  let folder = temporaryPath("model")
  defer { try? FileManager.default.removeItem(atPath: folder) }
  let configuration = model.configuration
  try initializeModelFolder(folder, configuration, dtype: .bfloat16, seed: 3)

  var table = Table(
    "Training step, \((Double(configuration.parameterCount) / 1e6).digits(1))M parameters, width "
      + "\(configuration.width), batch \(model.batch.rows) x \(model.batch.width), group size 256, AdamW",
    [
      "configuration", "s/step", "tokens/s", "spread", "peak MiB", "step QAT / plain",
      "peak QAT / plain", "rounds",
    ])
  for dtype in [DType.float32, .bfloat16] {
    for policy in ["keep", "recompute"] {
      try measurePair(model, [dtype.label, policy], folder, &table)
    }
  }
  table.print()
}

/// Adds a row for plain training and one for QAT.
private func measurePair(
  _ model: TrainingWorker.Model, _ words: [String], _ folder: String, _ table: inout Table
) throws {
  let workers = try ["plain", "qat"].map { kind in
    try AskedProcess(
      ownExecutable(),
      [TrainingWorker.command, model.rawValue, folder, words[0], kind, words[1]]
        + (Clock.countsCPUTime ? [Clock.cpuTimeOption] : []), greeting: "ready")
  }
  let contenders = workers.map { worker in
    Contender(measuredBy: { try worker.number("step") })
  }
  let timings = try inTurns(contenders, budget: 25, rounds: 5...9)
  let peaks = try workers.map { try $0.number("peak") }
  for (index, kind) in ["plain", "QAT"].enumerated() {
    let timing = timings[index]
    table.add(
      (words + [kind]).joined(separator: " "), timing.median.digits(2),
      (Double(model.batch.tokens) / timing.median).digits(0), timing.spreadPercent,
      (peaks[index] / 1_048_576).digits(0),
      index == 0 ? "" : (timing.median / timings[0].median).digits(2),
      index == 0 ? "" : (peaks[index] / peaks[0]).digits(2), "\(timing.rounds)")
  }
}

func ownExecutable() throws -> String {
  try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
}
