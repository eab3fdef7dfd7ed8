// From sections of a checked configuration to the values that recipes work with: quantization scheme,
// dtype, device here, and models, tokenizers and datasets in the files beside this one. Every recipe
// builds these here, so that a key means the same in all of them.
import Catalog
import Configuration
import Essentials
import Layers
import Quantization
import Tensors
import Tokenizers

/// - Throws: when the tokenizer makes ids that the model has no embedding for. Special tokens that no
///   text becomes, such as the image token behind Llama 3's table, need none.
/// - Parameter log: is told of a tokenizer with fewer ids than the embedding has rows.
package func check(
  _ tokenizer: any Tokenizer, fits configuration: DecoderConfiguration, _ section: Section,
  log: RecipeLog? = nil
) throws {
  let placed = ["<|start_header_id|>", "<|end_header_id|>", "<|python_tag|>"].compactMap {
    tokenizer.specialTokens[$0]
  }
  let ids = [tokenizer.bosID, tokenizer.eosID, tokenizer.padID] + tokenizer.stopTokens + placed
  let needed = max(tokenizer.baseVocabularySize, Int(ids.max() ?? 0) + 1)
  if tokenizer.vocabularySize < configuration.vocabularySize {
    log?.info(
      "The tokenizer has \(tokenizer.vocabularySize) ids, the model's embedding "
        + "\(configuration.vocabularySize) rows")
  }
  guard needed > configuration.vocabularySize else { return }
  let message =
    "the tokenizer has \(needed) ids, and the model's vocab_size is "
    + "\(configuration.vocabularySize)"
  let remedy = "Use the checkpoint's tokenizer."
  throw section.declares(Keys.Tokenizer.path)
    ? section.error(at: Keys.Tokenizer.path, message, remedy: remedy)
    : section.errorAtComponent(message, remedy: remedy)
}

/// What a quantizer's section asks for.
package func quantizationPlan(from section: Section) -> QuantizationPlan {
  switch section.choice(QuantizerChoice.self) {
  case .named, .namedQAT: return namedPlan(from: section)
  case .int4WeightOnly, .int4WeightOnlyQAT:
    return QuantizationPreset.tinygemm.plan(groupSize: section[Keys.Quantizer.groupSize])
  case .int8DynActInt4, .int8DynActInt4QAT, .int8DynActIntx, .int8DynActIntxQAT, .intxWeightOnly,
    .intxWeightOnlyQAT:
    break
  }
  let scales: ScalePrecision =
    switch section[Keys.Quantizer.scalesPrecision] {
    case "bf16": .bfloat16
    case "fp16": .float16
    case "portable": .portable
    default: .float32
    }
  let (bits, groupSize) = (section[Keys.Quantizer.weightBits], section[Keys.Quantizer.groupSize])
  return QuantizationPlan(
    section[Keys.Quantizer.quantizesActivations]
      ? QuantizationScheme(weightBits: bits, groupSize: groupSize, scales: scales)
      : .weightOnly(weightBits: bits, groupSize: groupSize, scales: scales))
}

private func namedPlan(from section: Section) -> QuantizationPlan {
  guard let preset = QuantizationPreset(rawValue: section[Keys.Quantizer.scheme]) else {
    preconditionFailure("the schema lets through no other scheme")
  }
  var plan = preset.plan(groupSize: section[Keys.Quantizer.ownGroupSize])
  plan.exceptions = (section[Keys.Quantizer.exclude] ?? []).map { .init(pattern: $0, scheme: nil) }
  return plan
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
