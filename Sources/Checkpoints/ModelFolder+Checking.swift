// A folder against a model, before training starts: every name, shape and type. Reads no weight.
import Essentials
import Layers
import Quantization

extension ModelFolder {
  /// - Throws: `TuneError` `.checkpointMismatch` for the first tensor that is missing or does not
  ///   fit, with the keys of config.json in which the model differs.
  package func check(against decoder: DecoderConfiguration) throws {
    do {
      for parameter in decoder.specification.all {
        if let scheme = quantizationScheme, isQuantized(parameter) {
          try checkQuantized(parameter, scheme)
        } else {
          try checkPlain(parameter)
        }
      }
      if let scheme = quantizationScheme, isQuantized(decoder.headSpecification) {
        try checkQuantized(decoder.headSpecification, scheme)
      }
    } catch var error as TuneError {
      let differences = decoder.differences(from: configuration.decoder)
      if error.code == .checkpointMismatch, !differences.isEmpty {
        error.remedy =
          "The model and the checkpoint do not match: " + differences.joined(separator: "; ") + "."
      }
      throw error
    }
  }

  /// Tensors of the folder that the model has no use for, leaving out those known to be harmless.
  package func unexpectedNames(for decoder: DecoderConfiguration) -> [String] {
    let parameters = decoder.specification.all + [decoder.headSpecification]
    var known = Set(parameters.map(\.name))
    for parameter in parameters where isQuantized(parameter) {
      known.insert(QuantizationDescription.scalesName(of: parameter.name))
    }
    return tensorNames.filter { !known.contains($0) && !$0.hasSuffix(".rotary_emb.inv_freq") }
  }
}

extension DecoderConfiguration {
  /// The sizes in which this differs from a checkpoint's, by their keys in config.json.
  func differences(from checkpoint: DecoderConfiguration) -> [String] {
    let sizes: [(String, KeyPath<DecoderConfiguration, Int>)] = [
      ("vocab_size", \.vocabularySize), ("num_hidden_layers", \.layerCount),
      ("num_attention_heads", \.headCount), ("num_key_value_heads", \.keyValueHeadCount),
      ("hidden_size", \.width), ("head_dim", \.headWidth), ("intermediate_size", \.hiddenWidth),
    ]
    var found = sizes.filter { self[keyPath: $1] != checkpoint[keyPath: $1] }.map { key, path in
      "\(key) is \(checkpoint[keyPath: path]) in config.json and \(self[keyPath: path]) in the model"
    }
    if tiesEmbeddings != checkpoint.tiesEmbeddings {
      found.append(
        "tie_word_embeddings is \(checkpoint.tiesEmbeddings) in config.json and "
          + "\(tiesEmbeddings) in the model")
    }
    return found
  }
}
