// A folder with a configuration of the golden model, its tokenizer and 20 records, trained as
// `tune run` trains it: from YAML through the recipe.
import Builtins
import Catalog
import Checkpoints
import Configuration
import Essentials
import Foundation
import Launching
import Recipes
import Sharding
import Tensors
import TestSupport
import Testing
import WeightFiles

struct TrainingFolder: Sendable {
  let path: String

  /// Calls `body` with a new folder, which is removed afterwards.
  static func with<R>(_ body: (TrainingFolder) throws -> R) throws -> R {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("training-tests-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    let folder = TrainingFolder(path: path)
    try folder.write(nanoConfiguration(in: path), to: "train.yaml")
    return try body(folder)
  }

  func write(_ text: String, to name: String) throws {
    try text.write(toFile: path + "/" + name, atomically: true, encoding: .utf8)
  }
  func read(_ name: String) throws -> String {
    try String(contentsOfFile: path + "/" + name, encoding: .utf8)
  }
  func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path + "/" + name) }

  func copy(_ name: String, to other: String) throws {
    try FileManager.default.copyItem(atPath: path + "/" + name, toPath: path + "/" + other)
  }
  func remove(_ name: String) throws {
    try FileManager.default.removeItem(atPath: path + "/" + name)
  }

  /// Runs the recipe as one process, or as ranks of threads that meet on a port of loopback.
  func train(
    _ overrides: [String] = [], recipe: RecipeName = .qatDistributed, ranks: Int = 1,
    hooked: @escaping @Sendable (_ rank: Int, inout TrainingHooks) -> Void = { _, _ in }
  ) throws {
    let configuration = try ValidatedConfiguration.load(
      recipe: recipe, config: path + "/train.yaml",
      overrides: ["log_level=CRITICAL"] + overrides)
    @Sendable func hooks(_ rank: Int) -> TrainingHooks {
      var hooks = TrainingHooks()
      hooked(rank, &hooks)
      return hooks
    }
    guard ranks > 1 else { return try runTraining(configuration, .single, hooks(0)) }
    let port = try freePort()
    try runThreads(ranks) { rank in
      try runTraining(
        configuration,
        WorkerEnvironment(
          rank: rank, localRank: rank, worldSize: ranks, localWorldSize: ranks,
          masterAddress: "127.0.0.1", masterPort: port, nodeRank: 0), hooks(rank))
    }
  }

  /// The lines of the log in `out`, metric by metric.
  func log(_ output: String = "out") throws -> [LogLine] {
    try read(output + "/logs/log.txt").split(separator: "\n").map { try LogLine(String($0)) }
  }
  /// The logged losses by step; a step that was logged again counts as it was last.
  func losses(_ output: String = "out") throws -> [Int: Double] {
    try log(output).reduce(into: [:]) { losses, line in
      if let loss = line["loss"] { losses[line.step] = loss }
    }
  }
  func model(_ name: String) throws -> [String: Tensor] {
    let file = try SafetensorsFile(path: path + "/" + name + "/model.safetensors")
    return try Dictionary(
      uniqueKeysWithValues: file.names.map { ($0, try file.tensor(named: $0)) })
  }
}

/// `Step 3 | loss:2.1 lr:2e-05`
struct LogLine {
  let step: Int
  let metrics: [(name: String, value: Double)]
  var names: [String] { metrics.map(\.name) }
  subscript(name: String) -> Double? { metrics.first { $0.name == name }?.value }

  init(_ line: String) throws {
    let halves = line.components(separatedBy: " | ")
    try #require(halves.count == 2 && halves[0].hasPrefix("Step "), "\(line)")
    step = try #require(Int(halves[0].dropFirst(5)))
    metrics = try halves[1].split(separator: " ").map { metric in
      let parts = metric.split(separator: ":")
      try #require(parts.count == 2, "\(line)")
      return (String(parts[0]), try #require(Double(parts[1])))
    }
  }
}
