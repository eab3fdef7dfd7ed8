// The sizes of a model, from the keys of its GGUF file.
import Essentials

struct Geometry: Sendable {
  let architecture: Architecture
  let width: Int
  let blocks: Int
  let heads: Int
  let keyValueHeads: Int
  let headWidth: Int
  /// Of each head, the part that rotary embeddings turn.
  let rotaryWidth: Int
  let feedForwardWidth: Int
  let vocabularySize: Int
  let contextLength: Int
  let epsilon: Float
  let ropeBase: Float

  /// - Throws: `TuneError` for a key that is missing, no size, or not understood.
  init(_ model: GGUFModel, _ architecture: Architecture) throws {
    let keys = ArchitectureKeys(model.file, architecture)
    try keys.refuseUnknown()
    self.architecture = architecture
    width = try keys.size("embedding_length")
    blocks = try keys.size("block_count")
    guard blocks <= model.tensors.count else {
      throw keys.failure("block_count", "is \(blocks), but the file has fewer tensors than that")
    }
    heads = try keys.size("attention.head_count")
    keyValueHeads = try keys.optionalSize("attention.head_count_kv") ?? heads
    guard heads % keyValueHeads == 0 else {
      throw keys.failure(
        "attention.head_count_kv", "\(heads) heads cannot share \(keyValueHeads) of keys")
    }
    let rotary = try keys.optionalSize("rope.dimension_count")
    // Old files of the `llama` family state the width of a head only there.
    let stated = try keys.optionalSize("attention.key_length")
    let implied = architecture == .llama ? rotary : nil
    headWidth = stated ?? implied ?? width / heads
    guard try keys.optionalSize("attention.value_length") ?? headWidth == headWidth else {
      throw keys.failure(
        "attention.value_length", "values of another width than keys are not supported",
        code: .unsupported)
    }
    rotaryWidth = rotary ?? headWidth
    guard headWidth > 1, headWidth % 2 == 0, rotaryWidth % 2 == 0, rotaryWidth <= headWidth,
      rotaryWidth == headWidth || architecture == .phi3
    else {
      throw keys.failure(
        "rope.dimension_count",
        "\(rotaryWidth) of \(headWidth) rotated dimensions are not supported",
        code: .unsupported)
    }
    feedForwardWidth = try keys.size("feed_forward_length")
    contextLength = try keys.size("context_length")
    guard let epsilon = try keys.number("attention.layer_norm_rms_epsilon"), epsilon > 0 else {
      throw keys.failure("attention.layer_norm_rms_epsilon", "is missing or not positive")
    }
    self.epsilon = epsilon
    ropeBase = try keys.number("rope.freq_base") ?? 10_000
    guard ropeBase > 0 else { throw keys.failure("rope.freq_base", "is not positive") }
    guard let embedding = model["token_embd.weight"], embedding.shape.count == 2 else {
      throw TuneError(
        .checkpointMismatch, "tensor 'token_embd.weight' is missing or no matrix",
        remedy: "Pass the GGUF file of a whole language model.", at: .init(file: model.file.path))
    }
    vocabularySize = embedding.shape[0]
    try keys.refuseOtherModels()
  }
}

/// Keys below `<architecture>.`.
struct ArchitectureKeys: Sendable {
  let file: GGUFFile
  let architecture: Architecture

  init(_ file: GGUFFile, _ architecture: Architecture) {
    self.file = file
    self.architecture = architecture
  }

  func name(_ key: String) -> String { architecture.rawValue + "." + key }

  func failure(
    _ key: String, _ message: String, code: TuneError.Code = .malformedFile
  ) -> TuneError {
    code == .unsupported
      ? file.failure(
        name(key), message, remedy: "Start from the model's original folder.", code: code)
      : file.failure(name(key), message)
  }

  func number(_ key: String) throws -> Float? { try file.number(name(key)) }
  func bool(_ key: String) throws -> Bool? { try file.bool(name(key)) }
  func string(_ key: String) throws -> String? { try file.string(name(key)) }
  func has(_ key: String) -> Bool { file.values[name(key)] != nil }

  func size(_ key: String) throws -> Int {
    guard let size = try optionalSize(key) else { throw failure(key, "is missing") }
    return size
  }

  /// A positive size; a list of one for each block must have one value.
  func optionalSize(_ key: String) throws -> Int? {
    guard let size = try optionalCount(key) else { return nil }
    guard size > 0 else { throw failure(key, "is 0") }
    return size
  }

  /// A size that may be 0.
  func optionalCount(_ key: String) throws -> Int? {
    var size: Int?
    if case .list = file.values[name(key)] {
      let sizes = try file.integers(name(key)) ?? []
      guard let first = sizes.first, sizes.allSatisfy({ $0 == first }) else {
        throw failure(key, "blocks of different sizes are not supported", code: .unsupported)
      }
      size = first
    } else {
      size = try file.integer(name(key))
    }
    guard let size else { return nil }
    guard (0...1 << 31).contains(size) else { throw failure(key, "is \(size)") }
    return size
  }

  func refuseUnknown() throws {
    let prefix = architecture.rawValue + "."
    let known = architecture.knownKeys
    for key in file.values.keys.sorted() where key.hasPrefix(prefix) {
      let rest = String(key.dropFirst(prefix.count))
      if !known.contains(rest) {
        throw failure(
          rest, "the key is not understood, and may change the model", code: .unsupported)
      }
    }
  }

  /// What a key makes of the architecture that the decoder is not.
  func refuseOtherModels() throws {
    if try optionalCount("expert_count") ?? 0 > 0 {
      throw failure("expert_count", "mixtures of experts are not supported", code: .unsupported)
    }
    if try bool("attention.causal") == false {
      throw failure(
        "attention.causal", "models that are not causal are not supported", code: .unsupported)
    }
    if architecture == .granite, try bool("rope.scaling.finetuned") == false {
      throw failure(
        "rope.scaling.finetuned", "Granite without rotary embeddings is not supported",
        code: .unsupported)
    }
    if architecture == .olmo2, try optionalCount("attention.sliding_window") ?? 0 > 0 {
      throw failure("attention.sliding_window", "OLMo 3 is not supported", code: .unsupported)
    }
    if let layout = try string("tensor_data_layout"), layout != "Meta AI original pth" {
      throw failure("tensor_data_layout", "unknown layout '\(layout)'", code: .unsupported)
    }
  }
}
