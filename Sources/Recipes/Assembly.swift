// From sections of a checked configuration to the values that recipes work with: the decoder's
// configuration, tokenizer, dataset, quantization scheme, dtype, model folder. Every recipe builds
// these here, so that a key means the same in all of them.
import Checkpoints
import Essentials
import Foundation
import Layers
import Quantization
import Tensors
import Text

/// A `model` section as sizes and constants of the one decoder.
package func decoderConfiguration(from model: Section) -> DecoderConfiguration {
  let width = model.int("embed_dim")
  let family = model.family ?? model.component ?? ""
  let tiesByDefault = family.hasSuffix("llama3_2")
  let rescales = tiesByDefault || family.hasSuffix("llama3_1")
  return DecoderConfiguration(
    vocabularySize: model.int("vocab_size"), layerCount: model.int("num_layers"),
    headCount: model.int("num_heads"), keyValueHeadCount: model.int("num_kv_heads"), width: width,
    hiddenWidth: model.optionalInt("intermediate_dim") ?? derivedHiddenWidth(of: width),
    maximumSequenceLength: model.int("max_seq_len"), normEpsilon: model.double("norm_eps"),
    rotaryBase: model.double("rope_base"),
    rotaryScaling: rescales ? RotaryScaling(factor: Double(model.int("scale_factor"))) : nil,
    tiesEmbeddings: tiesByDefault && model.bool("tie_word_embeddings"))
}

/// torchtune's rule where `intermediate_dim` is null: two thirds of 4 D, up to a multiple of 256.
private func derivedHiddenWidth(of width: Int) -> Int {
  let wanted = 4 * (2 * width / 3)
  return (wanted + 255) / 256 * 256
}

package func tokenizer(from section: Section) throws -> any Tokenizer {
  let takesSpecialTokens = section.component == "torchtune.models.llama3.llama3_tokenizer"
  let path = section.string("path")
  guard FileManager.default.fileExists(atPath: path) else {
    throw TuneError(
      .missingFile, "there is no tokenizer '\(path)'",
      remedy: "Download it with the model, or correct tokenizer.path.",
      at: section.location(of: "path"))
  }
  return try locatingErrors(in: section) {
    try Llama3Tokenizer(
      path: path,
      specialTokensPath: takesSpecialTokens ? section.optionalString("special_tokens_path") : nil,
      maxSeqLen: section.optionalInt("max_seq_len"))
  }
}

/// - Throws: when the tokenizer makes ids that the model has no embedding for. Special tokens that no
///   text becomes, such as the image token behind Llama 3's table, need none.
package func check(
  _ tokenizer: any Tokenizer, fits configuration: DecoderConfiguration, _ section: Section
) throws {
  let placed = ["<|start_header_id|>", "<|end_header_id|>", "<|python_tag|>"].compactMap {
    tokenizer.specialTokens[$0]
  }
  let ids = [tokenizer.bosID, tokenizer.eosID, tokenizer.padID] + tokenizer.stopTokens + placed
  let needed = max(tokenizer.baseVocabularySize, Int(ids.max() ?? 0) + 1)
  guard needed > configuration.vocabularySize else { return }
  throw section.error(
    at: "path",
    "the tokenizer has \(needed) ids, and the model's vocab_size is "
      + "\(configuration.vocabularySize)",
    remedy: "Use the tokenizer that belongs to the checkpoint.")
}

package func dataset(
  from section: Section, tokenizer: any Tokenizer
) throws -> any TextDataset {
  let source = DataSource(
    source: section.string("source"), dataFiles: section.optionalStrings("data_files") ?? [],
    split: section.string("split"))
  let packed = section.bool("packed")
  let columns = { section.stringMap("column_map") ?? [:] }
  return try locatingErrors(in: section) {
    switch section.component {
    case "torchtune.datasets.alpaca_dataset", "torchtune.datasets.alpaca_cleaned_dataset":
      try Datasets.alpaca(
        source, tokenizer: tokenizer, columnMap: columns(),
        trainOnInput: section.bool("train_on_input"), packed: packed)
    case "torchtune.datasets.instruct_dataset":
      try Datasets.instruct(
        source, tokenizer: tokenizer, columnMap: columns(),
        trainOnInput: section.bool("train_on_input"),
        newSystemPrompt: section.optionalString("new_system_prompt"), packed: packed)
    case "torchtune.datasets.chat_dataset":
      try Datasets.chat(
        source, tokenizer: tokenizer, conversationColumn: section.string("conversation_column"),
        conversationStyle: section.string("conversation_style"),
        trainOnInput: section.bool("train_on_input"),
        newSystemPrompt: section.optionalString("new_system_prompt"), packed: packed)
    case "torchtune.datasets.text_completion_dataset":
      try Datasets.textCompletion(
        source, tokenizer: tokenizer, column: section.string("column"),
        addEOS: section.bool("add_eos"), packed: packed,
        splitAcrossPack: section.bool("split_across_pack"))
    case let other:
      preconditionFailure("the schema lets through a dataset that is not built: \(other ?? "none")")
    }
  }
}

package func quantizationScheme(from section: Section) -> QuantizationScheme {
  let scales: DType =
    switch section.string("scales_precision") {
    case "bf16": .bfloat16
    case "fp16": .float16
    default: .float32
    }
  return QuantizationScheme(
    weightBits: section.int("weight_bits"), groupSize: section.int("groupsize"), scaleDType: scales)
}

/// The root's `dtype`; the configuration's rules let only these two through.
package func dtype(from root: Section) -> DType {
  root.string("dtype") == "bf16" ? .bfloat16 : .float32
}

/// The root's `device`, ready for use.
package func device(from root: Section, localRank: Int = 0) throws -> Device {
  try locatingErrors(in: root) {
    try Devices.prepare(root.string("device"), localRank: localRank)
  }
}

/// The folder a `checkpointer` section reads, found to hold the model that the configuration names.
/// - Throws: for files that are missing or broken and tensors of other shapes; reads no weights.
package func modelFolder(
  from checkpointer: Section, for configuration: DecoderConfiguration
) throws -> ModelFolder {
  let folder = try locatingErrors(in: checkpointer) {
    try ModelFolder(
      path: checkpointer.string("checkpoint_dir"), files: checkpointer.checkpointFiles())
  }
  if let difference = configuration.difference(from: folder.configuration.decoder) {
    throw checkpointer.error(
      at: "checkpoint_dir",
      "the checkpoint's config.json and the model section differ: \(difference)",
      remedy: "Choose the model that the checkpoint was made for.")
  }
  try folder.check(against: configuration)
  return folder
}

extension DecoderConfiguration {
  /// The first constant that changes what the same weights compute, which no tensor's shape shows.
  /// The longest sequence may differ: it is how the model is used.
  fileprivate func difference(from stored: DecoderConfiguration) -> String? {
    func differ<V: Equatable>(_ name: String, _ path: KeyPath<DecoderConfiguration, V>) -> String? {
      let (mine, theirs) = (self[keyPath: path], stored[keyPath: path])
      return mine == theirs ? nil : "\(name) is \(mine) here and \(theirs) there"
    }
    if (rotaryScaling == nil) != (stored.rotaryScaling == nil) {
      let (with, without) =
        rotaryScaling == nil
        ? ("config.json", "the model section") : ("the model section", "config.json")
      return "\(with) rescales rotary frequencies (Llama 3.1 and later) and \(without) does not"
    }
    return differ("num_layers", \.layerCount) ?? differ("num_heads", \.headCount)
      ?? differ("num_kv_heads", \.keyValueHeadCount) ?? differ("embed_dim", \.width)
      ?? differ("vocab_size", \.vocabularySize) ?? differ("intermediate_dim", \.hiddenWidth)
      ?? differ("rope_base", \.rotaryBase) ?? differ("norm_eps", \.normEpsilon)
      ?? differ("tie_word_embeddings", \.tiesEmbeddings)
      ?? differ("scale_factor", \.rotaryScaling?.factor)
  }
}

/// Gives errors that know only their key the file and line where the section has it.
package func locatingErrors<R>(in section: Section, _ body: () throws -> R) throws -> R {
  do {
    return try body()
  } catch var error as TuneError {
    if error.location.file == nil {
      let key = error.location.key.map { $0.split(separator: ".").last.map(String.init) ?? $0 }
      error.location = section.location(of: key ?? "_component_")
    }
    throw error
  }
}
