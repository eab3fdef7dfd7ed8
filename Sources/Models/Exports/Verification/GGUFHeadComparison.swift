// The head of a GGUF file against the folder: what the model is, as our importer reads it; tokens, types,
// merges, ids and chat template; and the ids that the tokenizer made of the file gives for a hard text.
import Checkpoints
import Essentials
import GGUF
import Layers
import Tokenizers

struct GGUFHeadComparison {
  let gguf: GGUFModel
  let model: ExportModel

  init(_ gguf: GGUFModel, _ model: ExportModel) { (self.gguf, self.model) = (gguf, model) }

  func run(_ comparison: inout Comparison) throws {
    compareModel(&comparison)
    let expected = try GGUFTokenizer(
      folder: model.folder.path, vocabularySize: model.decoder.vocabularySize
    ).keys
    for (key, value) in expected { compare(key, value, &comparison) }
    try compareIDs(&comparison)
  }

  private func compareModel(_ comparison: inout Comparison) {
    let what = "keys of the model"
    do {
      let json = try ModelImport.configuration(of: gguf)
      let read = try ModelConfigurationFile(readingOnly: json, path: gguf.file.path).decoder
      for (name, isSame) in model.decoder.compared(with: read, unties: model.unties) {
        comparison.note(what, isSame: isSame, "\(name) differs")
      }
    } catch {
      comparison.note(what, different: 1, "\(error)")
    }
  }

  private func compare(_ key: String, _ value: GGUFValue, _ comparison: inout Comparison) {
    let what = Self.row(of: key)
    do {
      let (count, different) = try Self.differences(key, value, gguf.file)
      comparison.note(what, compared: count, different: different, "\(key) differs")
    } catch {
      comparison.note(what, different: 1, "\(key): \(error)")
    }
  }

  private static func row(of key: String) -> String {
    if key.hasPrefix("tokenizer.chat_template") { return "chat templates" }
    switch key {
    case "tokenizer.ggml.tokens", "tokenizer.ggml.token_type", "tokenizer.ggml.scores":
      return "tokens, types and scores"
    case "tokenizer.ggml.merges": return "merges"
    default: return "keys of the tokenizer"
    }
  }

  private static func differences(_ key: String, _ value: GGUFValue, _ file: GGUFFile) throws
    -> (count: Int, different: Int)
  {
    func count<T>(_ a: [T], _ b: [T]?, _ isSame: (T, T) -> Bool) -> (Int, Int) {
      guard let b, a.count == b.count else { return (a.count, max(1, a.count)) }
      return (a.count, zip(a, b).reduce(0) { $0 + (isSame($1.0, $1.1) ? 0 : 1) })
    }
    func bytes(_ a: String, _ b: String) -> Bool { a.utf8.elementsEqual(b.utf8) }
    switch value {
    case .integer(let number): return (1, try file.integer(key) == Int(number) ? 0 : 1)
    case .number(let number): return (1, try file.number(key) == number ? 0 : 1)
    case .bool(let flag): return (1, try file.bool(key) == flag ? 0 : 1)
    case .string(let text): return (1, try file.string(key).map { bytes($0, text) } == true ? 0 : 1)
    case .integers(let list): return count(list.map { Int($0) }, try file.integers(key), ==)
    case .numbers(let list): return count(list, try file.numbers(key), ==)
    case .bools(let list): return count(list.map { $0 ? 1 : 0 }, try file.integers(key), ==)
    case .strings(let list): return count(list, try file.strings(key), bytes)
    }
  }

  private func compareIDs(_ comparison: inout Comparison) throws {
    let own = try HuggingFaceModelTokenizer(folder: model.folder.path)
    let expected = try own.encode(HardText.text, addSpecialTokens: true)
    let what = "ids of a hard text"
    do {
      let texts = try TokenizerTexts(
        gguf, vocabularySize: model.decoder.vocabularySize,
        contextLength: model.decoder.maximumSequenceLength)
      let read = try DescribedTokenizer(try JSON.parse(texts.tokenizer), file: gguf.file.path)
      let ids = try read.encode(HardText.text, addSpecialTokens: true)
      comparison.note(
        what, compared: expected.count, different: ids == expected ? 0 : 1,
        "the file's tokenizer gives other ids")
    } catch {
      comparison.note(what, different: 1, "\(error)")
    }
  }
}

extension DecoderConfiguration {
  /// Whether each part of what the model is is the same.
  /// - Parameter unties: whether the other has a head of its own where this has none.
  func compared(with other: DecoderConfiguration, unties: Bool) -> [(name: String, isSame: Bool)] {
    [
      ("vocab_size", vocabularySize == other.vocabularySize),
      ("num_hidden_layers", layerCount == other.layerCount),
      ("num_attention_heads", headCount == other.headCount),
      ("num_key_value_heads", keyValueHeadCount == other.keyValueHeadCount),
      ("hidden_size", width == other.width), ("head_dim", headWidth == other.headWidth),
      ("intermediate_size", hiddenWidth == other.hiddenWidth),
      ("max_position_embeddings", maximumSequenceLength == other.maximumSequenceLength),
      ("rms_norm_eps", Float(normEpsilon) == Float(other.normEpsilon)),
      ("rope_theta", Float(rotary.base) == Float(other.rotary.base)),
      ("rope_scaling", RotaryFactors.areSame(rotary, other.rotary)),
      ("tie_word_embeddings", (tiesEmbeddings && !unties) == other.tiesEmbeddings),
      ("biases", choices.biases == other.choices.biases),
    ] + choices.compared(with: other.choices, hasWindows: hasWindowsInGGUF)
  }

  /// Whether llama.cpp has this architecture's windows of attention.
  private var hasWindowsInGGUF: Bool {
    switch architecture {
    case .gemma2, .gemma3, .phi3: true
    case .llama, .mistral, .qwen2, .qwen3, .smollm3, .olmo2, .granite: false
    }
  }
}

extension ArchitectureChoices {
  fileprivate func compared(with other: ArchitectureChoices, hasWindows: Bool) -> [(
    name: String, isSame: Bool
  )] {
    func same(_ a: Double?, _ b: Double?) -> Bool { a.map { Float($0) } == b.map { Float($0) } }
    func factor(_ scale: EmbeddingScale) -> Double? {
      switch scale {
      case .none: nil
      case .factor(let factor), .rounded(let factor): factor
      }
    }
    return [
      ("the scale of attention", same(attentionScale, other.attentionScale)),
      ("the cap of scores", same(attentionCap, other.attentionCap)),
      ("the cap of logits", same(logitCap, other.logitCap)),
      ("the scale of embeddings", same(factor(embeddingScale), factor(other.embeddingScale))),
      ("the scale of residuals", same(residualScale, other.residualScale)),
      ("the divisor of logits", same(logitDivisor, other.logitDivisor)),
      (
        "the windows of attention",
        !hasWindows || attention.map(\.window) == other.attention.map(\.window)
      ),
    ]
  }
}

extension RotaryFactors {
  /// Numbers are float32 in a file; those of Llama 3 are found again from the factors.
  static func areSame(_ a: RotaryEmbedding, _ b: RotaryEmbedding) -> Bool {
    switch (a.scaling, b.scaling) {
    case (.llama3, nil): return factors(a).allSatisfy { $0 == 1 }
    case (.llama3, .llama3), (.longrope, .longrope): return factors(a) == factors(b)
    case (.linear(let first), .linear(let second)): return Float(first) == Float(second)
    case (.yarn(let first), .yarn(let second)):
      return Float(first.factor) == Float(second.factor)
        && first.originalLength == second.originalLength
    case (nil, nil): return true
    default: return false
    }
  }
  private static func factors(_ rotary: RotaryEmbedding) -> [Float] {
    entries(rotary).flatMap(\.values)
  }

  static func entries(ofExport model: ExportModel) -> [ExportEntry] {
    entries(model.decoder.rotary).map { name, values in
      ExportEntry(
        name: name, type: "F32", shape: [values.count], byteCount: values.count * 4,
        constant: values.withUnsafeBytes { Array($0) })
    }
  }
}
