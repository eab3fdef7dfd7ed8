// A folder against a model, before training starts: every name, shape and type. Reads no weight.
import Essentials
import Layers
import Quantization
import Tensors

extension ModelFolder {
  /// - Throws: `TuneError` `.checkpointMismatch` for the first tensor that is missing or does not
  ///   fit, with the keys of config.json in which the model differs.
  package func check(against decoder: DecoderConfiguration) throws {
    do {
      for parameter in decoder.specification.all {
        if isQuantized(parameter) {
          _ = try checkQuantized(parameter)
        } else {
          try checkPlain(parameter)
        }
      }
      if isQuantized(decoder.headSpecification) {
        _ = try checkQuantized(decoder.headSpecification)
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

  /// - Throws: `TuneError` `.checkpointMismatch` that names the tensors which the model does not have: it
  ///   would compute something else than the checkpoint's model.
  package func refuseUnexpectedTensors(for decoder: DecoderConfiguration) throws {
    let names = unexpectedNames(for: decoder)
    guard !names.isEmpty else { return }
    let tensors = names.count == 1 ? "a tensor" : "\(names.count) tensors"
    throw TuneError(
      .checkpointMismatch,
      "the checkpoint has \(tensors) that the model does not have: " + Self.listed(names),
      remedy: "Choose the model that the checkpoint was made for.", at: .init(file: path))
  }

  /// A head that a checkpoint of a tied model stores beside the embedding must be the same: transformers takes
  /// such a model for one that is not tied. Reads both, where both are there.
  /// - Throws: `TuneError` `.checkpointMismatch` where they differ.
  package func checkTiedHead(of decoder: DecoderConfiguration) throws {
    let (head, embedding) = (decoder.headSpecification, decoder.specification.embedding)
    guard decoder.tiesEmbeddings, !isQuantized(head), let file = file(of: head.name) else { return }
    for start in stride(from: 0, to: decoder.vocabularySize, by: 4096) {
      let part = start..<min(start + 4096, decoder.vocabularySize)
      guard try rows(head, part).isEqual(to: try rows(embedding, part)) else {
        throw TuneError(
          .checkpointMismatch,
          "config.json ties the output head to the embedding, and '\(head.name)' differs from it",
          remedy: "Set tie_word_embeddings to false in config.json, or remove the tensor.",
          at: .init(file: file.path, key: "tie_word_embeddings"))
      }
    }
  }

  /// Tensors that the model does not have.
  package func unexpectedNames(for decoder: DecoderConfiguration) -> [String] {
    unusedNames(for: decoder).filter { !isHarmless($0, in: decoder) }
  }

  /// Tensors that are not read and that change nothing.
  package func harmlessNames(for decoder: DecoderConfiguration) -> [String] {
    unusedNames(for: decoder).filter { isHarmless($0, in: decoder) }
  }

  private func unusedNames(for decoder: DecoderConfiguration) -> [String] {
    var known = Set(decoder.specification.all.map(\.storedName))
    let head = decoder.headSpecification
    if isQuantized(head) { known.insert(head.name) }
    for parameter in decoder.specification.all + [head] where isQuantized(parameter) {
      known.formUnion(quantizedNames(parameter))
    }
    return tensorNames.filter { !known.contains($0) }
  }

  /// Rotary frequencies, which old checkpoints of Llama store and every model computes, and the head of a
  /// model whose head is its embedding.
  private func isHarmless(_ name: String, in decoder: DecoderConfiguration) -> Bool {
    name.hasSuffix(".rotary_emb.inv_freq") || name == "rope.freqs"
      || (decoder.tiesEmbeddings && name == decoder.headSpecification.name)
  }

  /// The first few names, and how many there are more.
  package static func listed(_ names: [String]) -> String {
    let shown = names.prefix(3).map { "'\($0)'" }.joined(separator: ", ")
    return names.count > 3 ? shown + " and \(names.count - 3) more" : shown
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
