// The demonstration on a real model: fine-tuned plain and with QAT on text of this machine, quantized, measured on
// held-out documents. Every step is a `tune` command that a user could type, with the any/* configurations.
import Builtins
import Catalog
import Checkpoints
import Essentials
import EvaluationTasks
import Foundation
import Launching
import Layers
import Recipes

struct PretrainedDemonstration {
  /// A model folder in Hugging Face layout.
  let model: String
  let folder: String
  let tune: TuneCommand
  var seed: UInt64 = 0
  var steps = 60
  var bits = [4]

  private static let groupSize = 32
  /// Tokens of a sequence; a step has one for each of the two processes.
  private static let sequenceLength = 256
  private static let question = "What is gravity?"

  func run() throws {
    let started = Date()
    let decoder = try ModelConfigurationFile(inFolder: model).decoder
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try stage("Text of this machine") { try prepareText() }
    try stage("Plain fine-tuning (\(steps) steps, two processes)") { try train("plain", bits: nil) }
    for bits in bits {
      try stage("QAT with int\(bits) weights: same start, data and seed") {
        try train("qat-int\(bits)", bits: bits)
      }
    }
    let float = try stage("Perplexity of the fine-tuned float model") {
      try perplexity(folder + "/plain/epoch_0")
    }
    var rows: [DemonstrationTable.Row] = []
    for bits in bits {
      try stage("int\(bits): quantize both, measure both") { rows.append(try row(bits: bits)) }
    }
    let table = DemonstrationTable(
      float: float, floatBytes: weightBytes(folder + "/plain/epoch_0"),
      plainCost: try TrainingCost(log: folder + "/plain/logs/log.txt"), rows: rows,
      parameterCount: decoder.parameterCount, groupSize: Self.groupSize, seed: seed,
      seconds: Date().timeIntervalSince(started))
    print(table.text)
    try AtomicFile.write(Data(table.text.utf8), to: folder + "/table.txt")
    try stage("The int\(bits[0]) model after QAT answers: \(Self.question)") {
      try tune.run([
        "run", "generate", "--config", "any/generation",
        "checkpointer.checkpoint_dir=\(quantizedFolder("qat", bits[0]))",
        "prompt.user=\(Self.question)", "max_new_tokens=60", "temperature=0",
      ])
    }
  }

  /// Documents to learn from, and others to measure on, which are the same for every seed.
  private func prepareText() throws {
    let text = try TextCollection(byteCount: 6_000_000, heldOutBytes: 30_000, seed: seed)
    try writeTexts(text.training[...], to: folder + "/train.jsonl")
    try writeTexts(text.heldOut[...], to: folder + "/held-out.jsonl")
  }

  private func train(_ name: String, bits: Int?) throws {
    let output = folder + "/" + name
    try? FileManager.default.removeItem(atPath: output)
    let recipe = bits == nil ? "full_finetune_distributed" : "qat_distributed"
    var words = [
      "run", "--nproc_per_node", "2", recipe, "--config", bits == nil ? "any/full" : "any/qat",
      "checkpointer.checkpoint_dir=\(model)", "output_dir=\(output)", "seed=\(seed)",
      "dataset.source=\(folder)/train.jsonl", "dataset.packed=True",
      "tokenizer.max_seq_len=\(Self.sequenceLength)", "batch_size=1",
      "max_steps_per_epoch=\(steps)", "optimizer.lr=1e-4",
      "lr_scheduler._component_=torchtune.training.lr_schedulers.get_cosine_schedule_with_warmup",
      "lr_scheduler.num_warmup_steps=6", "metric_logger.filename=log.txt",
    ]
    if let bits { words += quantizer("QATQuantizer", bits) }
    try tune.run(words)
  }

  private func quantizer(_ kind: String, _ bits: Int) -> [String] {
    [
      "quantizer._component_=swift_tune.quantization.Int8DynActIntxWeight\(kind)",
      "~quantizer.scheme", "quantizer.weight_bits=\(bits)",
      "quantizer.groupsize=\(Self.groupSize)",
    ]
  }

  private func quantizedFolder(_ name: String, _ bits: Int) -> String {
    folder + "/\(name)-int\(bits)-quantized"
  }

  private func row(bits: Int) throws -> DemonstrationTable.Row {
    for (name, run) in [("plain", "plain"), ("qat", "qat-int\(bits)")] {
      let output = quantizedFolder(name, bits)
      try? FileManager.default.removeItem(atPath: output)
      try tune.run(
        [
          "run", "quantize", "--config", "any/quantization",
          "checkpointer.checkpoint_dir=\(folder)/\(run)/epoch_0", "output_dir=\(output)",
          "log_level=WARNING",
        ] + quantizer("Quantizer", bits))
    }
    return DemonstrationTable.Row(
      bits: bits, postTraining: try perplexity(quantizedFolder("plain", bits)),
      aware: try perplexity(quantizedFolder("qat", bits)),
      bytes: weightBytes(quantizedFolder("qat", bits)),
      cost: try TrainingCost(log: folder + "/qat-int\(bits)/logs/log.txt"))
  }

  /// By token of the held-out text, as `tune run eleuther_eval` measures it.
  private func perplexity(_ checkpoint: String) throws -> Double {
    let configuration = try ValidatedConfiguration.load(
      recipe: .eleutherEval, config: "any/evaluation",
      overrides: [
        "checkpointer.checkpoint_dir=\(checkpoint)", "text_files=[\(folder)/held-out.jsonl]",
        "max_seq_length=512", "batch_size=4", "log_level=WARNING",
      ])
    return try measureLikelihood(configuration, .single).tokenPerplexity
  }
}
