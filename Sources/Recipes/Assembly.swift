// From sections of a checked configuration to the values that recipes work with: quantization scheme,
// dtype, device here, and models, tokenizers and datasets in the files beside this one. Every recipe
// builds these here, so that a key means the same in all of them.
import Essentials
import Layers
import Quantization
import RunConfiguration
import Tensors
import Tokenizers

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
  let key =
    section.declares(Keys.Tokenizer.path) ? Keys.Tokenizer.path : Keys.Tokenizer.tokenizerJSON
  throw section.error(
    at: key,
    "the tokenizer has \(needed) ids, and the model's vocab_size is "
      + "\(configuration.vocabularySize)",
    remedy: "Use the checkpoint's tokenizer.")
}

package func quantizationScheme(from section: Section) -> QuantizationScheme {
  let scales: DType =
    switch section.string("scales_precision") {
    case "bf16": .bfloat16
    case "fp16": .float16
    default: .float32
    }
  let (bits, groupSize) = (section.int("weight_bits"), section.int("groupsize"))
  return section.bool("quantizes_activations")
    ? QuantizationScheme(weightBits: bits, groupSize: groupSize, scaleDType: scales)
    : .weightOnly(weightBits: bits, groupSize: groupSize, scaleDType: scales)
}

/// The root's `dtype`; the configuration's rules let only these two through.
package func dtype(from root: Section) -> DType {
  root[Keys.dtype] == "bf16" ? .bfloat16 : .float32
}

/// The root's `device`, ready for use.
package func device(from root: Section, localRank: Int = 0) throws -> Device {
  try locatingErrors(in: root) {
    try Devices.prepare(root[Keys.device], localRank: localRank)
  }
}

/// Gives errors that know no place the key that they are about, and its file and line.
package func locatingErrors<Value, R>(
  in section: Section, at key: Key<Value>, _ body: () throws -> R
) throws -> R {
  try locatingErrors(in: section) {
    do {
      return try body()
    } catch var error as TuneError {
      if error.location == .init() { error.location.key = key.name }
      throw error
    }
  }
}

/// Gives errors that know only their key the file and line where the section has it.
package func locatingErrors<R>(in section: Section, _ body: () throws -> R) throws -> R {
  do {
    return try body()
  } catch var error as TuneError {
    if error.location.file == nil {
      let key = error.location.key.map { $0.split(separator: ".").last.map(String.init) ?? $0 }
      error.location = section.location(of: key ?? Section.componentKey)
    }
    throw error
  }
}
