// A tiny random model with a tokenizer trained on the spot, in a folder that lives as long as the
// test; and configurations of recipes on it.
import Builtins
import Catalog
import Checkpoints
import Configuration
import Essentials
import Foundation
import Layers
import Recipes
import Tensors
import Tokenizers

final class TinyModel {
  let folder: String
  let configuration: DecoderConfiguration
  let tokenizer: any Tokenizer

  static let text = """
    The quick brown fox jumps over the lazy dog. A tokenizer learns from héllo wörld, 日本 and 🌍🌍,
    and what it has learned it writes down: bytes, pairs of bytes, pairs of pairs. The dog sleeps.
    """

  /// Weights far larger than those a training starts from, so that what is drawn matters.
  init(
    tied: Bool = false, dtype: DType = .float32, hiddenWidth: Int = 96, positions: Int = 64,
    scale: Double = 6, seed: UInt64 = 7
  ) throws {
    folder = NSTemporaryDirectory() + "inference-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let trained = try BytePairTrainer(vocabularySize: 300, specialTokenCount: 20)
      .train(on: [Self.text])
    try trained.write(toFolder: folder)
    configuration = DecoderConfiguration(
      vocabularySize: trained.vocabularySize, layerCount: 2, headCount: 4, keyValueHeadCount: 2,
      width: 64, hiddenWidth: hiddenWidth, maximumSequenceLength: positions,
      rotaryScaling: tied ? .llama3(.init(factor: 32)) : nil, tiesEmbeddings: tied)
    tokenizer = try Llama3Tokenizer(path: folder + "/tokenizer.json")
    // The layers of a random model are drawn too small to round in an interesting way.
    let plain = folder + "/initial"
    try initializeModelFolder(plain, configuration, dtype: .float32, seed: seed)
    let initial = try ModelFolder(path: plain)
    let writer = try ModelFolderWriter(to: model, like: initial, dtype: dtype)
    for parameter in writer.specifications {
      let tensor = try initial.whole(parameter)
      try writer.write(parameter.kind == .norm ? tensor : tensor * scale, for: parameter)
    }
    try writer.finish()
  }
  deinit { try? FileManager.default.removeItem(atPath: folder) }

  var model: String { folder + "/model" }
  func modelFolder() throws -> ModelFolder { try ModelFolder(path: model) }
  func tensors(_ dtype: DType) throws -> DecoderWeights<Tensor> {
    let source = try modelFolder()
    return try configuration.specification.map { try source.whole($0).to(dtype) }
  }

  func write(_ text: String, to name: String) throws -> String {
    try AtomicFile.write(Data(text.utf8), to: folder + "/" + name)
    return folder + "/" + name
  }

  /// A checked configuration of a recipe on this model.
  func recipe(
    _ recipe: RecipeName, _ particulars: String, checkpoint: String? = nil, overrides: [String] = []
  ) throws -> ValidatedConfiguration {
    let c = configuration
    let tie = c.tiesEmbeddings
    let tokenizer =
      recipe == .quantize
      ? ""
      : """
      tokenizer:
        _component_: swift_tune.tokenizers.tokenizer_json
        path: \(folder)/tokenizer.json
      """
    let path = try write(
      """
      output_dir: \(folder)/out
      model:
        _component_: torchtune.models.\(tie ? "llama3_2.llama3_2" : "llama3.llama3")
        vocab_size: \(c.vocabularySize)
        num_layers: \(c.layerCount)
        num_heads: \(c.headCount)
        num_kv_heads: \(c.keyValueHeadCount)
        embed_dim: \(c.width)
        intermediate_dim: \(c.hiddenWidth)
        max_seq_len: \(c.maximumSequenceLength)
      checkpointer:
        _component_: torchtune.training.FullModelHFCheckpointer
        checkpoint_dir: \(checkpoint ?? model)
        checkpoint_files: [model.safetensors]
        output_dir: ${output_dir}
        model_type: \(tie ? "LLAMA3_2" : "LLAMA3")
      device: cpu
      dtype: fp32
      seed: 5
      log_level: ERROR
      \(tokenizer)
      \(particulars)

      """, to: recipe.rawValue + ".yaml")
    return try ValidatedConfiguration.load(
      recipe: recipe, config: path, overrides: overrides, environment: [:])
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
