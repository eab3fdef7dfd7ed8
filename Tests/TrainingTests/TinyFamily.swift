// A tiny model of each family as its users have it: random weights in every format that the family
// comes in, the tokenizer's files beside them, and the recipes' configurations on it.
import Catalog
import Configuration
import Essentials
import Foundation
import Layers
import Recipes
import Tensors
import TestSupport
import Testing
import Tokenizers

@testable import Checkpoints

/// A checkpointer with the file that it reads and those that it writes.
struct CheckpointForm: Sendable {
  var checkpointer: String
  var naming: CheckpointNaming
  var format: WeightFormat
  var file: String
  var written: [String]
  /// `safe_serialization` where it is not the default.
  var isSafe = true

  static let safetensors = CheckpointForm(
    checkpointer: "HF", naming: .huggingFace, format: .safetensors, file: "model.safetensors",
    written: ["model.safetensors"])
  static let bin = CheckpointForm(
    checkpointer: "HF", naming: .huggingFace, format: .torch, file: "pytorch_model.bin",
    written: ["model-00001-of-00001.bin", "pytorch_model.bin.index.json"], isSafe: false)
  /// Torch files in, safetensors out, as torchtune does it by default.
  static let binToSafetensors = CheckpointForm(
    checkpointer: "HF", naming: .huggingFace, format: .torch, file: "pytorch_model.bin",
    written: ["model.safetensors"])
  static let meta = CheckpointForm(
    checkpointer: "Meta", naming: .meta, format: .torch, file: "consolidated.00.pth",
    written: ["model-00001-of-00001.bin"])
  static let torchtune = CheckpointForm(
    checkpointer: "TorchTune", naming: .torchtune, format: .torch, file: "torchtune_model_0.pt",
    written: ["model-00001-of-00001.bin"])
}

struct TinyFamily: Sendable, CustomTestStringConvertible {
  var builder: String
  var modelType: String
  var tokenizer: String
  /// By the key that names them, as they lie beside the weights.
  var tokenizerFiles: [(key: String, name: String)]
  var vocabulary: Int
  var dtype: DType
  /// In what this family is usually found; the others come after it.
  var forms: [CheckpointForm]
  var pairs = 2
  var headWidth: Int?
  var base = 1e6
  var testDescription: String { builder }

  static let all = [
    TinyFamily(
      builder: "llama2.llama2", modelType: "LLAMA2", tokenizer: "llama2.llama2_tokenizer",
      tokenizerFiles: [("path", "tokenizer.model")], vocabulary: 393, dtype: .bfloat16,
      forms: [.meta, .safetensors, .bin, .torchtune], pairs: 4, base: 1e4),
    TinyFamily(
      builder: "qwen2.qwen2", modelType: "QWEN2", tokenizer: "qwen2_5.qwen2_5_tokenizer",
      tokenizerFiles: [
        ("path", "vocab.json"), ("merges_file", "merges.txt"),
        ("special_tokens_path", "tokenizer.json"),
      ], vocabulary: 344, dtype: .bfloat16, forms: [.bin, .safetensors, .torchtune]),
    TinyFamily(
      builder: "qwen3.qwen3", modelType: "QWEN3", tokenizer: "qwen3.qwen3_tokenizer",
      tokenizerFiles: [("path", "tokenizer.json")], vocabulary: 344, dtype: .float32,
      forms: [.safetensors, .bin, .torchtune], headWidth: 16),
    TinyFamily(
      builder: "llama3.llama3", modelType: "LLAMA3", tokenizer: "llama3.llama3_tokenizer",
      tokenizerFiles: [("path", "tokenizer.model"), ("special_tokens_path", "tokenizer.json")],
      vocabulary: 1056, dtype: .float32, forms: [.torchtune, .safetensors, .bin, .meta],
      base: 5e5),
  ]

  var decoder: DecoderConfiguration {
    DecoderConfiguration(
      modelType == "QWEN2" ? .qwen2 : modelType == "QWEN3" ? .qwen3 : .llama,
      vocabularySize: vocabulary, layerCount: 2, headCount: 4, keyValueHeadCount: pairs, width: 32,
      headWidth: headWidth, hiddenWidth: 64, maximumSequenceLength: 128, rotaryBase: base)
  }

  /// The model's folder in one form. Weights are the same in all, and no norm is 1 and no bias 0,
  /// so that each counts.
  func write(_ form: CheckpointForm, to path: String) throws {
    let parameters = decoder.specification.all
    let plain = path + ".plain"
    let random = RandomGenerator(seed: 3)
    let writer = try ModelFolderWriter(
      to: plain, CheckpointLayout(of: parameters, shardCount: 1), parameters,
      StorageRule(dtype: dtype, quantization: nil),
      ModelConfigurationFile(decoder, dtype: dtype, path: plain), companions: nil)
    for parameter in parameters {
      let drawn = random.normal(parameter.shape)
      let tensor =
        switch parameter.kind {
        case .norm: drawn * 0.3 + 1
        case .bias, .embedding: drawn * 0.5
        case .linear: drawn * 0.2
        }
      try writer.write(tensor, for: parameter)
    }
    try writer.finish()
    defer { try? FileManager.default.removeItem(atPath: plain) }
    try writeModel(ModelFolder(path: plain), to: path, form)
    try writeTokenizer(to: path)
    if form.naming == .meta { try writeParameters(to: path) }
  }

  /// As Meta has it beside the weights; Llama 2's leaves the vocabulary to the tokenizer.
  private func writeParameters(to folder: String) throws {
    var json: JSONObject = [
      "dim": .integer(decoder.width), "multiple_of": 256, "n_heads": .integer(decoder.headCount),
      "n_kv_heads": .integer(pairs), "n_layers": .integer(decoder.layerCount), "norm_eps": 1e-5,
      "vocab_size": .integer(modelType == "LLAMA2" ? -1 : vocabulary),
    ]
    if modelType == "LLAMA3" { json["rope_theta"] = .number(base) }
    try AtomicFile.write(Data(JSON.object(json).text().utf8), to: folder + "/params.json")
  }

  private func writeTokenizer(to folder: String) throws {
    func copy(_ source: String, _ name: String) throws {
      try FileManager.default.copyItem(
        atPath: fixturePath("TokenizersTests/Fixtures/\(source)/\(name)"),
        toPath: folder + "/" + name)
    }
    switch modelType {
    case "LLAMA2": try copy("tokenizers", "tokenizer.model")
    case "LLAMA3":
      for name in ["tokenizer.model", "tokenizer.json"] { try copy("tokenizer_tiny", name) }
    default:
      if tokenizerFiles.contains(where: { $0.key == "merges_file" }) {
        for name in ["vocab.json", "merges.txt"] { try copy("tokenizers", name) }
      }
      try AtomicFile.write(Data(qwenTokenizer().utf8), to: folder + "/tokenizer.json")
    }
  }

  /// The tokenizer.json that goes with vocab.json and merges.txt, special tokens next to the others.
  private func qwenTokenizer() throws -> String {
    let source = fixturePath("TokenizersTests/Fixtures/tokenizers")
    let vocabulary = try JSON.load(path: source + "/vocab.json")
    let merges = try String(contentsOfFile: source + "/merges.txt", encoding: .utf8)
      .split(separator: "\n").filter { !$0.hasPrefix("#version") }
    let first = (vocabulary.object ?? [:]).count
    let names = QwenFamily.qwen3.specialTokens.sorted { $0.value < $1.value }.map(\.key)
    let added = names.enumerated().map { index, name -> JSON in
      [
        "id": .integer(first + index), "content": .string(name), "special": true,
        "normalized": false, "lstrip": false, "rstrip": false, "single_word": false,
      ]
    }
    let pattern =
      #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"#
      + #"|\s*[\r\n]+|\s+(?!\S)|\s+"#
    let split: JSON = [
      "type": "Split", "pattern": ["Regex": .string(pattern)], "behavior": "Isolated",
      "invert": false,
    ]
    let tokenizer: JSON = [
      "added_tokens": .array(added), "normalizer": ["type": "NFC"],
      "pre_tokenizer": [
        "type": "Sequence",
        "pretokenizers": [
          split, ["type": "ByteLevel", "add_prefix_space": false, "use_regex": false],
        ],
      ],
      "decoder": ["type": "ByteLevel"],
      "model": [
        "type": "BPE", "vocab": vocabulary,
        "merges": .array(merges.map { .string(String($0)) }),
      ],
    ]
    return tokenizer.text()
  }
}

/// A model in the files that a form has; Meta's and torchtune's folders have no config.json.
func writeModel(_ source: ModelFolder, to path: String, _ form: CheckpointForm) throws {
  let configuration = source.configuration
  let parameters = configuration.decoder.specification.all
  let writer = try ModelFolderWriter(
    to: path, CheckpointLayout(of: parameters, like: source, as: form.format), parameters,
    StorageRule(dtype: source.dtype, quantization: nil), configuration, companions: nil,
    as: form.format, naming: form.naming)
  for parameter in parameters { try writer.write(source.whole(parameter), for: parameter) }
  try writer.finish()
  guard form.format == .torch else { return }
  let files = FileManager.default
  try files.moveItem(atPath: path + "/model-00001-of-00001.bin", toPath: path + "/" + form.file)
  let extra = form.naming == .huggingFace ? "pytorch_model.bin.index.json" : "config.json"
  try files.removeItem(atPath: path + "/" + extra)
}
