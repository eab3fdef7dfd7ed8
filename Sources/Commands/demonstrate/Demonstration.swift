// The demonstration without a model of anyone's: from text found on this machine to a table that says what quantization-aware
// training bought. Every training and quantization is the `tune` command, as a user would type it.
import Builtins
import Catalog
import Checkpoints
import Essentials
import EvaluationTasks
import Foundation
import Launching
import Layers
import Recipes
import Tensors
import Tokenizers
import Training

struct Demonstration {
  let folder: String
  let tune: TuneCommand
  let settings: DemonstrationSettings

  private static let bits = [4, 3, 2]

  func run() throws {
    let started = Date()
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true)
    try stage("Text of this machine and a tokenizer learned from it") { try prepare() }
    try stage("A base model from scratch (\(settings.baseSteps) steps, two processes)") {
      try train(.base)
    }
    try stage("Plain fine-tuning of it (\(settings.tuningSteps) steps, two processes)") {
      try train(.plain)
    }
    for bits in Self.bits {
      try stage("QAT with int\(bits) weights, same start, data and seed") { try train(.qat(bits)) }
    }
    var rows: [DemonstrationTable.Row] = []
    let float = try stage("Perplexity of the fine-tuned float model") {
      try evaluate(checkpoint(.plain))
    }
    for bits in Self.bits {
      try stage("int\(bits): quantize both, measure both") {
        let afterwards = folder + "/int\(bits)-after-training"
        let aware = folder + "/int\(bits)-quantization-aware"
        try quantize(checkpoint(.plain), bits, to: afterwards)
        try quantize(checkpoint(.qat(bits)), bits, to: aware)
        rows.append(
          DemonstrationTable.Row(
            bits: bits, postTraining: try evaluate(afterwards), aware: try evaluate(aware),
            bytes: weightBytes(aware), cost: try TrainingCost(log: log(.qat(bits)))))
      }
    }
    let table = DemonstrationTable(
      float: float, floatBytes: weightBytes(checkpoint(.plain)),
      plainCost: try TrainingCost(log: log(.plain)), rows: rows,
      parameterCount: settings.model.parameterCount, groupSize: settings.groupSize,
      seed: settings.seed, seconds: Date().timeIntervalSince(started))
    print(table.text)
    try AtomicFile.write(Data(table.text.utf8), to: folder + "/table.txt")
  }

}

/// A part of a demonstration, under its title.
func stage<R>(_ title: String, _ body: () throws -> R) throws -> R {
  FileHandle.standardError.write(Data("\n== \(title)\n".utf8))
  return try body()
}

/// Of the weight files in a folder.
func weightBytes(_ folder: String) -> Int {
  let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
  return files.filter { $0.hasSuffix(".safetensors") }.reduce(0) { sum, name in
    let attributes = try? FileManager.default.attributesOfItem(atPath: folder + "/" + name)
    return sum + ((attributes?[.size] as? Int) ?? 0)
  }
}

/// Each text as a line of JSON.
func writeTexts(_ texts: ArraySlice<String>, to path: String) throws {
  let lines = texts.map { JSON.object(["text": .string($0)]).text() + "\n" }
  try AtomicFile.write(Data(lines.joined().utf8), to: path)
}

/// One of the trainings.
enum DemonstrationRun {
  case base, plain
  case qat(Int)

  var name: String {
    switch self {
    case .base: "base"
    case .plain: "plain"
    case .qat(let bits): "qat-int\(bits)"
    }
  }
}

extension Demonstration {
  private func prepare() throws {
    let text = try TextCollection(
      byteCount: settings.textBytes, heldOutBytes: settings.heldOutBytes, seed: settings.seed)
    let trainer = try BytePairTrainer(
      vocabularySize: settings.vocabularySize - settings.specialTokens,
      specialTokenCount: settings.specialTokens)
    let tokenizer = folder + "/tokenizer"
    try FileManager.default.createDirectory(
      atPath: tokenizer, withIntermediateDirectories: true)
    try trainer.train(on: text.training).write(toFolder: tokenizer)
    // The base model learns from the first half, fine-tuning from the second.
    let half = text.training.count / 2
    try writeTexts(text.training[..<half], to: folder + "/base.jsonl")
    try writeTexts(text.training[half...], to: folder + "/tuning.jsonl")
    try writeTexts(text.heldOut[...], to: folder + "/held-out.jsonl")
    let bytes = text.training.reduce(0) { $0 + $1.utf8.count }
    let held = text.heldOut.reduce(0) { $0 + $1.utf8.count }
    FileHandle.standardError.write(
      Data("\(bytes) bytes to learn from, \(held) held out\n".utf8))
    try initializeModelFolder(
      folder + "/untrained", settings.model, dtype: .float32, seed: settings.seed,
      copyingTokenizerFrom: tokenizer)
    try AtomicFile.write(
      Data(settings.configuration(folder: folder).utf8), to: folder + "/demo.yaml")
  }

  private func checkpoint(_ run: DemonstrationRun) -> String { folder + "/\(run.name)/epoch_0" }
  private func log(_ run: DemonstrationRun) -> String { folder + "/\(run.name)/logs/log.txt" }

  private func train(_ run: DemonstrationRun) throws {
    try? FileManager.default.removeItem(atPath: folder + "/" + run.name)
    var changes = ["output_dir=\(folder)/\(run.name)"]
    if case .base = run {
      changes += [
        "checkpointer.checkpoint_dir=\(folder)/untrained",
        "dataset.data_files=\(folder)/base.jsonl",
        "optimizer.lr=\(settings.baseRate)", "max_steps_per_epoch=\(settings.baseSteps)",
      ]
    }
    let recipe: String
    if case .qat(let bits) = run {
      recipe = "qat_distributed"
      changes += [
        "quantizer._component_=swift_tune.quantization.Int8DynActIntxWeightQATQuantizer",
        "quantizer.weight_bits=\(bits)", "quantizer.groupsize=\(settings.groupSize)",
      ]
    } else {
      recipe = "full_finetune_distributed"
    }
    try tune.run(
      ["run", "--nproc_per_node", "2", recipe, "--config", folder + "/demo.yaml"] + changes)
  }

  private func quantize(_ source: String, _ bits: Int, to output: String) throws {
    try? FileManager.default.removeItem(atPath: output)
    try AtomicFile.write(
      Data(settings.inferenceConfiguration(checkpoint: source, folder: folder).utf8),
      to: folder + "/inference.yaml")
    try tune.run([
      "run", "quantize", "--config", folder + "/inference.yaml", "output_dir=\(output)",
      "quantizer._component_=swift_tune.quantization.Int8DynActIntxWeightQuantizer",
      "quantizer.weight_bits=\(bits)", "quantizer.groupsize=\(settings.groupSize)",
      "~tokenizer", "log_level=WARNING",
    ])
  }

  /// Perplexity of the held-out text by token, as `tune run eleuther_eval` measures it.
  private func evaluate(_ checkpoint: String) throws -> Double {
    try AtomicFile.write(
      Data(settings.inferenceConfiguration(checkpoint: checkpoint, folder: folder).utf8),
      to: folder + "/inference.yaml")
    let configuration = try ValidatedConfiguration.load(
      recipe: .eleutherEval, config: folder + "/inference.yaml",
      overrides: [
        "tasks=[wikitext]", "text_files=[\(folder)/held-out.jsonl]", "batch_size=8",
        "max_seq_length=\(settings.sequenceLength)", "log_level=WARNING",
      ])
    return try measureLikelihood(configuration, .single).tokenPerplexity
  }
}
