// `tune import`: a GGUF file, or a quantized folder of another runtime, as a model folder that everything else here
// reads.
import ArgumentParser
import Essentials
import Foundation
import GGUF
import Launching

struct ImportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Convert a model of another runtime to a model folder.",
    discussion: """
      Writes a folder of the usual Hugging Face layout: config.json,
      model.safetensors, generation_config.json, tokenizer.json and
      tokenizer_config.json with the chat template. Dequantizes the weights
      exactly as llama.cpp's tools do.

      Also reads quantized folders of mlx, compressed-tensors, torchao and gptq,
      as `tune export` writes them: codes times scales become weights.

      Of GGUF files it reads the architectures llama (Mistral and SmolLM2 too), qwen2, qwen3,
      gemma2, gemma3, phi3, olmo2, granite and smollm3, with tensors of the
      types F32, F16, BF16, Q2_0, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0 and Q2_K to
      Q6_K. Pass any part of a model that is split into several files.

      Examples:
        tune import SmolLM2-135M-Instruct.Q4_1.gguf --output smollm2
        tune import model-Q8_0.gguf --output model --dtype bfloat16
        tune import model.gguf --output model --tokenizer original/
      """)

  enum DType: String, ExpressibleByArgument, CaseIterable { case float32, bfloat16, float16 }

  @Argument(
    help: ArgumentHelp("The GGUF file or the quantized folder.", valueName: "path"),
    completion: .file(extensions: ["gguf"]))
  var file: String

  @Option(
    help: ArgumentHelp("The folder to write. It must be new or empty.", valueName: "folder"),
    completion: .directory)
  var output: String

  @Option(
    help: ArgumentHelp(
      "The dtype of the weights.",
      discussion: "Default: float32; for a file in half precision its own, "
        + "if that holds all weights.", valueName: "dtype"))
  var dtype: DType?

  @Option(
    help: ArgumentHelp(
      "Take the tokenizer from the original model's folder, or from a tokenizer.json.",
      valueName: "path"), completion: .file())
  var tokenizer: String?

  private static let interrupted = "Interrupted. Nothing was written."

  private var isFolder: Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: file, isDirectory: &isFolder)
      && isFolder.boolValue
  }

  private func importFolder() throws {
    guard tokenizer == nil else {
      throw TuneError(
        .usage, "--tokenizer is for GGUF files",
        remedy: "Leave it out: the folder's tokenizer goes along.")
    }
    try becomeWorker(
      .importing(.init(artifact: file, output: output, dtype: (dtype ?? .float32).rawValue)))
  }

  func run() throws {
    try ModelImport.check(output: output)
    if isFolder { return try importFolder() }
    let plan = try ModelImport(
      file: file, dtype: dtype.flatMap { StoredType(rawValue: $0.rawValue) }, tokenizer: tokenizer)
    let summary = plan.summary
    for remark in summary.remarks { StandardStreams.error("WARNING: \(remark)\n") }
    let started = DispatchTime.now().uptimeNanoseconds
    try interruptible(message: Self.interrupted) { [output] in
      let megabyte = 1_000_000
      let bar = ProgressBar(
        label: "importing", total: summary.byteCount / megabyte, unit: "MB")
      var bytes = 0
      try plan.write(to: output) { count in
        try Task.checkCancellation()
        bytes += count
        bar.move(to: bytes / megabyte, of: summary.byteCount / megabyte)
      }
      bar.finish()
    }
    let seconds = Double(DispatchTime.now().uptimeNanoseconds - started) / 1e9
    let millions = String(format: "%.1f", Double(summary.parameterCount) / 1e6)
    let size = String(format: "%.1f", Double(summary.byteCount) / 1e6)
    let types = summary.types.joined(separator: ", ")
    print("Read \(summary.architecture) with \(millions) M parameters (\(types))")
    print(
      "Wrote \(output): \(summary.dtype.rawValue), \(size) MB in "
        + ProgressBar.duration(seconds))
  }
}
