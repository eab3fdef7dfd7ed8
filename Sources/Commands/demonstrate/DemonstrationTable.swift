// What came out, in one table.
import Foundation
import Layers

/// What a training cost, read from its metrics log.
struct TrainingCost {
  /// Label tokens a second of all processes: the median of the steps after the first five.
  let tokensPerSecond: Double
  /// The largest peak of resident memory, of rank 0.
  let peakMiB: Double

  init(log path: String, processes: Int = 2) throws {
    let text = try String(contentsOfFile: path, encoding: .utf8)
    func values(_ name: String) -> [Double] {
      text.split(separator: "\n").compactMap { line in
        line.split(separator: " ").first { $0.hasPrefix(name + ":") }
          .flatMap { Double($0.dropFirst(name.count + 1)) }
      }
    }
    let rates = values("tokens_per_second_per_gpu").dropFirst(5).sorted()
    tokensPerSecond = rates.isEmpty ? 0 : rates[rates.count / 2] * Double(processes)
    peakMiB = (values("peak_memory_active").max() ?? 0) * 1024
  }
}

struct DemonstrationTable {
  struct Row {
    var bits: Int
    var postTraining: Double
    var aware: Double
    var bytes: Int
    var cost: TrainingCost
  }
  var float: Double
  var floatBytes: Int
  var plainCost: TrainingCost
  var rows: [Row]
  var parameterCount: Int
  var groupSize: Int
  var seed: UInt64
  var seconds: Double

  /// The part of what quantization lost that QAT won back. Where less than a hundredth was lost, two
  /// trainings of one model differ by as much, and the quotient says nothing.
  private func recovered(_ row: Row) -> String {
    let lost = row.postTraining - float
    guard lost > 0.01 * float else { return "-" }
    return String(format: "%.0f %%", 100 * (row.postTraining - row.aware) / lost)
  }

  var text: String {
    let millions = Double(parameterCount) / 1e6
    var lines = [
      "",
      String(
        format: "%.1f million parameters, group size %d, seed %llu, %.0f s in all.", millions,
        groupSize, seed, seconds),
      "Perplexity by token on held-out text; plain and QAT had the same start, data and seed.", "",
      "| weights | fine-tuned, then quantized | QAT | recovered | file MiB | tokens/s | peak MiB |",
      "|---------|---------------------------:|----:|----------:|---------:|---------:|---------:|",
      String(
        format: "| float   | %26.3f |   - |         - | %8.2f | %8.0f | %8.0f |", float,
        Double(floatBytes) / 1_048_576, plainCost.tokensPerSecond, plainCost.peakMiB),
    ]
    for row in rows {
      let share = recovered(row)
      let padded = String(repeating: " ", count: max(0, 9 - share.count)) + share
      lines.append(
        String(
          format: "| int%d    | %26.3f | %.3f | ", row.bits, row.postTraining, row.aware) + padded
          + String(
            format: " | %8.2f | %8.0f | %8.0f |", Double(row.bytes) / 1_048_576,
            row.cost.tokensPerSecond, row.cost.peakMiB))
    }
    lines += [
      "",
      "recovered: the part of the perplexity that quantizing a plainly fine-tuned model loses and",
      "QAT does not lose; - where less than a hundredth is lost. tokens/s and peak memory are of the",
      "training: plain, and QAT.", "",
    ]
    return lines.joined(separator: "\n")
  }
}
