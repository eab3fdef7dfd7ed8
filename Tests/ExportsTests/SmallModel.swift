// A small random model of any architecture with a tokenizer trained on the spot, quantized, in a folder that
// lives as long as the test.
import Checkpoints
import Essentials
import Exports
import Foundation
import Inference
import Layers
import Quantization
import Tensors
import Tokenizers

final class SmallModel {
  let folder: String
  let configuration: DecoderConfiguration
  var plain: String { folder + "/plain" }
  var quantized: String { folder + "/quantized" }

  static let text = """
    The quick brown fox jumps over the lazy dog. A tokenizer learns from héllo wörld, 日本 and 🌍🌍,
    and what it has learned it writes down: bytes, pairs of bytes, pairs of pairs. 2024 12345 don't I'll.
    """
  static let portable = QuantizationScheme(
    weights: WeightRule(bits: 4, groupSize: 32, scalePrecision: .portable), inputs: .exact)

  init(
    _ architecture: ModelArchitecture = .llama, tied: Bool = true, dtype: DType = .bfloat16,
    scheme: QuantizationScheme = SmallModel.portable, plan: QuantizationPlan? = nil,
    seed: UInt64 = 7,
    change: (inout DecoderConfiguration) -> Void = { _ in }
  ) throws {
    folder = NSTemporaryDirectory() + "exports-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let trained = try BytePairTrainer(vocabularySize: 300, specialTokenCount: 20)
      .train(on: [Self.text])
    var configuration = DecoderConfiguration(
      architecture, vocabularySize: trained.vocabularySize + 4, layerCount: 2, headCount: 4,
      keyValueHeadCount: 2, width: 64, headWidth: architecture == .qwen3 ? 32 : nil,
      hiddenWidth: 96, maximumSequenceLength: 128,
      rotaryScaling: architecture == .llama ? .llama3(.init(factor: 32)) : nil,
      tiesEmbeddings: tied)
    if architecture == .gemma2 || architecture == .gemma3 {
      Self.giveWindows(&configuration, fullEvery: architecture == .gemma2 ? 2 : 6)
    }
    change(&configuration)
    self.configuration = configuration
    let initial = folder + "/initial"
    try initializeModelFolder(initial, configuration, dtype: .float32, seed: seed)
    try trained.write(toFolder: initial)
    try Self.template.write(
      toFile: initial + "/chat_template.jinja", atomically: true, encoding: .utf8)
    // The layers of a random model are drawn too small to round in an interesting way.
    let source = try ModelFolder(path: initial)
    let writer = try ModelFolderWriter(to: folder + "/plain", like: source, dtype: dtype)
    for parameter in writer.specifications {
      let tensor = try source.whole(parameter)
      try writer.write(parameter.kind == .norm ? tensor * 1.5 : tensor * 6, for: parameter)
    }
    try writer.finish()
    _ = try FolderQuantization(
      ModelFolder(path: plain), configuration, plan: plan ?? QuantizationPlan(scheme), dtype: dtype
    ).write(to: quantized)
  }
  deinit { try? FileManager.default.removeItem(atPath: folder) }

  /// As Gemma has them.
  private static func giveWindows(_ decoder: inout DecoderConfiguration, fullEvery period: Int) {
    let isThird = decoder.architecture == .gemma3
    decoder.choices.attention = (1...decoder.layerCount).map { layer in
      layer % period == 0
        ? .init() : .init(window: 16, rotation: isThird ? .local : .global)
    }
    decoder.choices.attentionScale = 1 / Double(decoder.headWidth).squareRoot()
    decoder.choices.embeddingScale = .rounded(Double(decoder.width).squareRoot())
    if isThird {
      decoder.choices.localRotary = RotaryEmbedding(
        base: 10_000, width: decoder.headWidth, trainedLength: decoder.maximumSequenceLength)
    } else {
      decoder.choices.attentionCap = 50
      decoder.choices.logitCap = 30
    }
  }

  private static let template =
    "{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>{{ m.content }}"
    + "<|eot_id|>{% endfor %}"

  func model() throws -> ExportModel { try ExportModel(ModelFolder(path: quantized)) }

  /// The place of the export.
  @discardableResult
  func export(_ format: ExportFormatName, to name: String = "out", allowsInexact: Bool = false)
    throws -> String
  {
    let place = folder + "/" + name + (format == .gguf ? ".gguf" : "-" + format.rawValue)
    _ = try Export(model(), as: format, allowsInexact: allowsInexact).write(to: place)
    return place
  }
  func compare(_ artifact: String) throws -> Comparison {
    var verification = try Verification(artifact: artifact, against: model())
    return try verification.run()
  }
}

/// The error that `body` throws, nil for none or another kind.
func tuneError(_ body: () throws -> Void) -> TuneError? {
  do {
    try body()
    return nil
  } catch {
    return error as? TuneError
  }
}
