// The tiny golden model as `tune run` trains it in processes of its own: a folder with its
// configuration, started and looked after.
import Foundation
import TestSupport
import Testing

struct TrainingRun {
  let folder: String

  init(in folder: String) throws {
    self.folder = folder
    try nanoConfiguration(in: folder)
      .write(toFile: folder + "/train.yaml", atomically: true, encoding: .utf8)
  }

  /// The recipe and its configuration, with changes; `output` is where it writes.
  func recipe(
    _ overrides: [String] = [], recipe: String = "qat_distributed", output: String = "out"
  ) -> [String] {
    [
      recipe, "--config", folder + "/train.yaml", "output_dir=\(folder)/\(output)",
      "max_steps_per_epoch=5",
    ] + overrides
  }

  func losses(_ output: String = "out") throws -> [Double] {
    let log = try String(contentsOfFile: "\(folder)/\(output)/logs/log.txt", encoding: .utf8)
    return try log.split(separator: "\n").map { line in
      let loss = try #require(line.split(separator: " ").first { $0.hasPrefix("loss:") })
      return try #require(Double(loss.dropFirst(5)))
    }
  }
  func exists(_ name: String) -> Bool {
    FileManager.default.fileExists(atPath: folder + "/" + name)
  }
  func weights(_ name: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)/model.safetensors"))
  }
}
