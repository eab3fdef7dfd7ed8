// What every family of architectures does with config.json, and the sizes that all of them read alike. A family
// is one file: its keys to a decoder, and a decoder to its keys.
import Essentials
import Layers

protocol ArchitectureFamily {
  static func decoder(
    _ architecture: ModelArchitecture, _ reader: ConfigurationReader
  ) throws -> DecoderConfiguration
  /// The keys that only this family has, for a config.json that is written anew.
  static func settings(_ decoder: DecoderConfiguration) -> JSONObject
}

extension ModelArchitecture {
  var family: any ArchitectureFamily.Type {
    switch self {
    case .llama, .mistral, .smollm3: LlamaFamily.self
    case .qwen2, .qwen3: QwenFamily.self
    case .gemma2, .gemma3: GemmaFamily.self
    case .phi3: PhiFamily.self
    case .olmo2: OlmoFamily.self
    case .granite: GraniteFamily.self
    }
  }
}

/// What transformers' class of an architecture takes for a key that is absent.
struct ConfigurationDefaults {
  /// nil: the number of query heads.
  var keyValueHeads: KeyValueHeads = .asHeads
  /// nil: the width shared among the heads.
  var headWidth: Int?
  var sequenceLength = 2048
  var normEpsilon = 1e-6
  var rotaryBase = 10_000.0
  var tiesEmbeddings = false

  enum KeyValueHeads {
    case asHeads
    /// transformers' default is no rule but the number of one of its models: the key must be there.
    case required
  }
}

extension ConfigurationReader {
  /// The sizes and the rotary embedding, which all architectures have.
  func sizes(
    _ architecture: ModelArchitecture, _ defaults: ConfigurationDefaults
  ) throws -> DecoderConfiguration {
    try refuse(flags: [
      "is_encoder_decoder", "add_cross_attention", "rope_interleaved", "use_mrope",
    ])
    let width = try needed("hidden_size")
    let heads = try needed("num_attention_heads")
    let keyValueHeads =
      switch defaults.keyValueHeads {
      case .asHeads: try size("num_key_value_heads") ?? heads
      case .required: try needed("num_key_value_heads")
      }
    guard heads % keyValueHeads == 0 else {
      throw failure("num_key_value_heads", "\(keyValueHeads) does not divide \(heads) heads")
    }
    let headWidth = try size("head_dim") ?? defaults.headWidth
    if headWidth == nil, width % heads != 0 {
      throw failure("num_attention_heads", "\(heads) heads do not divide the width \(width)")
    }
    guard (headWidth ?? width / heads) % 2 == 0 else {
      throw failure("head_dim", "the rotary embedding needs heads of even width")
    }
    var decoder = DecoderConfiguration(
      architecture,
      vocabularySize: try needed("vocab_size"),
      layerCount: try needed("num_hidden_layers", limit: 10_000),
      headCount: heads, keyValueHeadCount: keyValueHeads, width: width, headWidth: headWidth,
      hiddenWidth: try needed("intermediate_size"),
      maximumSequenceLength: try size("max_position_embeddings") ?? defaults.sequenceLength,
      normEpsilon: try positive("rms_norm_eps", default: defaults.normEpsilon),
      tiesEmbeddings: try flag("tie_word_embeddings") ?? defaults.tiesEmbeddings)
    decoder.rotary = try rotary(of: decoder, base: defaults.rotaryBase)
    return decoder
  }

  /// `attention_bias` and `mlp_bias`, where the architecture has them as settings.
  func biases() throws -> ArchitectureChoices.Biases {
    var biases: ArchitectureChoices.Biases = []
    if try flag("attention_bias") == true {
      biases.formUnion([.attentionInputs, .attentionOutput])
    }
    if try flag("mlp_bias") == true { biases.insert(.feedForward) }
    return biases
  }

  /// Keys of other architectures that this one does not read: set, they would change the computation.
  func refuse(flags: [String]) throws {
    for key in flags where try flag(key) == true {
      throw failure(key, "is not supported for this model_type", .unsupported)
    }
  }

  /// - Throws: for an activation that is none of these.
  func requireActivation(_ key: String, among names: [String]) throws {
    guard let activation = try string(key), !names.contains(activation) else { return }
    throw failure(key, "the activation '\(activation)' is not supported", .unsupported)
  }

  /// The same window in all layers. transformers does not read `layer_types` here; one that says otherwise is
  /// of another architecture.
  func uniformAttention(
    _ decoder: DecoderConfiguration, window: Int?
  ) throws -> [ArchitectureChoices.LayerAttention] {
    let named = try layerAttention(decoder, window: window) { _ in window != nil }
    let uniform = Array(
      repeating: ArchitectureChoices.LayerAttention(window: window), count: decoder.layerCount)
    guard named == uniform else {
      throw failure(
        "layer_types", "layers of several kinds are not supported for this model_type", .unsupported
      )
    }
    return uniform
  }

  /// The layers' windows by `layer_types`, or by `isLocal` where that key is absent.
  /// - Parameter window: of the layers that have one; nil where none may.
  func layerAttention(
    _ decoder: DecoderConfiguration, window: Int?, isLocal: (_ layer: Int) -> Bool
  ) throws -> [ArchitectureChoices.LayerAttention] {
    let types = try strings("layer_types")
    if let types, types.count != decoder.layerCount {
      throw failure(
        "layer_types", "names \(types.count) layers, num_hidden_layers is \(decoder.layerCount)")
    }
    return try (0..<decoder.layerCount).map { layer in
      let local: Bool
      switch types?[layer] {
      case nil: local = isLocal(layer)
      case "full_attention": local = false
      case "sliding_attention": local = true
      case let other?:
        throw failure("layer_types", "layers of type '\(other)' are not supported", .unsupported)
      }
      guard local else { return .init() }
      guard let window else {
        throw failure("sliding_window", "is missing, and layer_types has layers in a window")
      }
      return .init(window: window)
    }
  }
}
