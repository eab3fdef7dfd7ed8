// `tune export` and `tune verify`: both become the worker, which is linked with libtorch.
import ArgumentParser
import Essentials
import Foundation
import Launching

struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write a quantized model for another runtime.",
    discussion: """
      Writes the codes and scales that training decided, in the container of
      another runtime. Nothing is quantized again. The tokenizer, the chat
      template and the tokens that end a generation go along.

        gguf                llama.cpp, Ollama, LM Studio: one file
        mlx                 mlx-lm and mlx-swift-lm: a folder
        compressed-tensors  vLLM and transformers: a folder
        torchao             transformers with torchao: a folder
        gptq                vLLM, SGLang, ONNX Runtime's builder: a folder

      A format that cannot hold the model exactly is refused, with those that
      can. Start from the folder that `tune run quantize` writes, or name a
      scheme to quantize a float folder with on the way.

      Examples:
        tune export out/quantized --format gguf --output model.gguf
        tune export out/quantized --format mlx --output model-mlx
        tune export model --scheme gguf-q4_0 --format gguf --output model.gguf
        tune verify model.gguf --against out/quantized
      """)

  @Argument(
    help: ArgumentHelp("The model folder.", valueName: "folder"),
    completion: .directory)
  var folder: String

  @Option(
    help: ArgumentHelp(
      "The format: \(ExportFormatName.list).", valueName: "format"),
    completion: .list(ExportFormatName.allCases.map(\.rawValue)),
    transform: ExportFormatName.init(word:))
  var format: ExportFormatName

  @Option(
    help: ArgumentHelp("The file or folder to write. It must be new.", valueName: "path"),
    completion: .file())
  var output: String

  @Option(help: .scheme, transform: QuantizationPreset.init(word:))
  var scheme: QuantizationPreset?

  @Flag(help: "Round scales that the format cannot hold, and say which.")
  var allowInexact = false

  func run() throws {
    try becomeWorker(
      .export(
        .init(
          folder: folder, format: format.rawValue, output: output, allowsInexact: allowInexact,
          scheme: scheme?.rawValue)))
  }
}

struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Compare an exported model with the folder that it was made from.",
    discussion: """
      Reads the export back and compares names, shapes, codes, scales, plain
      weights, tokens, the ids of a hard text and chat templates. Prints a
      table. The exit status is 1 when anything differs.

      Examples:
        tune verify model.gguf --against out/quantized
        tune verify model-mlx --against out/quantized
      """)

  @Argument(
    help: ArgumentHelp("The exported file or folder.", valueName: "artifact"), completion: .file())
  var artifact: String

  @Option(
    help: ArgumentHelp("The quantized model folder.", valueName: "folder"),
    completion: .directory)
  var against: String

  @Option(help: .scheme, transform: QuantizationPreset.init(word:))
  var scheme: QuantizationPreset?

  func run() throws {
    try becomeWorker(.verify(.init(artifact: artifact, folder: against, scheme: scheme?.rawValue)))
  }
}

extension ExportFormatName {
  init(word: String) throws {
    guard let format = ExportFormatName(rawValue: word) else {
      throw ValidationError("Unknown format '\(word)'. Supported are: \(Self.list).")
    }
    self = format
  }
}

extension QuantizationPreset {
  init(word: String) throws {
    guard let preset = QuantizationPreset(rawValue: word) else {
      let names = Self.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("Unknown scheme '\(word)'. Supported are: \(names).")
    }
    self = preset
  }
}

extension ArgumentHelp {
  fileprivate static let scheme = ArgumentHelp(
    "Quantize a float folder with this scheme: "
      + QuantizationPreset.allCases.map(\.rawValue).joined(separator: ", ") + ".",
    valueName: "scheme")
}

/// Ends only with an error.
func becomeWorker(_ call: ArtifactCall) throws {
  let program = try RecipeProgram.path()
  throw ExitCode(try RecipePackage.replaceProcess(with: program, call.words()))
}
