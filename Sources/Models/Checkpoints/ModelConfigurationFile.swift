// A Hugging Face `config.json` of a Llama or Qwen model as a `DecoderConfiguration`. What would change
// the computation and is not built here is refused; what is absent takes the default that
// transformers' LlamaConfig, Qwen2Config or Qwen3Config gives it. The JSON itself is kept, so that it
// can be written out again.
import Essentials
import Layers
import Quantization
import Tensors

package struct ModelConfigurationFile: Sendable {
  package let path: String
  package internal(set) var json: JSONObject
  package let decoder: DecoderConfiguration
  /// What `torch_dtype` or `dtype` says the checkpoint is stored in.
  package internal(set) var dtype: DType?
  /// How its linear layers are quantized; nil for an ordinary checkpoint.
  package internal(set) var quantization: QuantizationScheme?

  package init(path: String) throws {
    guard let json = try JSON.load(path: path).object else {
      throw TuneError(.malformedFile, "config.json holds no JSON object", at: .init(file: path))
    }
    try self.init(json, path: path)
  }

  init(_ json: JSONObject, path: String) throws {
    let reader = ConfigurationReader(json, path: path)
    self.path = path
    self.json = json
    decoder = try reader.decoder()
    dtype = try reader.dtype()
    quantization = try reader.quantization()
  }
}

/// Typed access to the keys, each fault with its file and key.
struct ConfigurationReader {
  let json: JSONObject
  let path: String
  /// Put before keys in messages when this reads an inner object.
  private let prefix: String

  init(_ json: JSONObject, path: String, prefix: String = "") {
    self.json = json
    self.path = path
    self.prefix = prefix
  }

  func failure(
    _ key: String, _ message: String, _ code: TuneError.Code = .malformedFile,
    remedy: String? = nil
  ) -> TuneError {
    TuneError(code, message, remedy: remedy, at: .init(file: path, key: prefix + key))
  }
  /// nil where the key is absent or null.
  func value(_ key: String) -> JSON? { json[key].flatMap { $0.isNull ? nil : $0 } }

  /// A size small enough that products of such sizes do not overflow.
  func size(_ key: String, limit: Int = 1 << 24) throws -> Int? {
    guard let value = value(key) else { return nil }
    guard let integer = value.integer, integer > 0, integer <= limit else {
      throw failure(key, "must be a whole number from 1 to \(limit)")
    }
    return integer
  }
  func needed(_ key: String, limit: Int = 1 << 24) throws -> Int {
    guard let size = try size(key, limit: limit) else { throw failure(key, "is missing") }
    return size
  }
  func positive(_ key: String) throws -> Double? {
    guard let value = value(key) else { return nil }
    guard let number = value.double, number > 0, number.isFinite else {
      throw failure(key, "must be a number above 0")
    }
    return number
  }
  func flag(_ key: String) throws -> Bool? {
    guard let value = value(key) else { return nil }
    guard let flag = value.bool else { throw failure(key, "must be true or false") }
    return flag
  }
  func string(_ key: String) throws -> String? {
    guard let value = value(key) else { return nil }
    guard let string = value.string else { throw failure(key, "must be a string") }
    return string
  }
  func object(_ key: String) throws -> ConfigurationReader? {
    guard let value = value(key) else { return nil }
    guard let object = value.object else { throw failure(key, "must be an object") }
    return ConfigurationReader(object, path: path, prefix: prefix + key + ".")
  }
}

extension ConfigurationReader {
  func decoder() throws -> DecoderConfiguration {
    let architecture = try architecture()
    try refuseWhatIsNotBuilt(in: architecture)
    let width = try needed("hidden_size")
    let heads = try needed("num_attention_heads")
    // Qwen's default is no rule but the number of one of its models.
    let keyValueHeads =
      architecture == .llama
      ? try size("num_key_value_heads") ?? heads : try needed("num_key_value_heads")
    guard heads % keyValueHeads == 0 else {
      throw failure("num_key_value_heads", "\(keyValueHeads) does not divide \(heads) heads")
    }
    let headWidth = try size("head_dim") ?? architecture.defaultHeadWidth
    if headWidth == nil, width % heads != 0 {
      throw failure("num_attention_heads", "\(heads) heads do not divide the width \(width)")
    }
    guard (headWidth ?? width / heads) % 2 == 0 else {
      throw failure("head_dim", "the rotary embedding needs heads of even width")
    }
    // transformers 5 gathers everything about the rotary embedding in one object.
    let rotary = try object("rope_parameters")
    return DecoderConfiguration(
      vocabularySize: try needed("vocab_size"),
      layerCount: try needed("num_hidden_layers", limit: 10_000),
      headCount: heads, keyValueHeadCount: keyValueHeads, width: width, headWidth: headWidth,
      hiddenWidth: try needed("intermediate_size"),
      maximumSequenceLength: try size("max_position_embeddings")
        ?? architecture.defaultSequenceLength,
      normEpsilon: try positive("rms_norm_eps") ?? 1e-6,
      rotaryBase: try rotary?.positive("rope_theta") ?? positive("rope_theta") ?? 10_000,
      rotaryScaling: try (rotary ?? object("rope_scaling"))?.rotaryScaling(),
      tiesEmbeddings: try flag("tie_word_embeddings") ?? false,
      hasAttentionBiases: architecture == .qwen2, normalizesHeads: architecture == .qwen3)
  }

  private func architecture() throws -> ModelArchitecture {
    let type = try string("model_type")
    guard let known = type.flatMap(ModelArchitecture.init) else {
      let names = ModelArchitecture.allCases.map(\.rawValue).joined(separator: ", ")
      throw failure(
        "model_type", "models of type '\(type ?? "none")' are not supported", .unsupported,
        remedy: "Use a checkpoint whose config.json says one of: \(names).")
    }
    return known
  }

  private func refuseWhatIsNotBuilt(in architecture: ModelArchitecture) throws {
    // Qwen 2's biases are no setting; its files may still have the key.
    let biases = architecture == .qwen2 ? ["mlp_bias"] : ["attention_bias", "mlp_bias"]
    for key in biases where try flag(key) == true {
      throw failure(key, "linear layers with such a bias are not supported", .unsupported)
    }
    if try flag("use_sliding_window") == true {
      throw failure("use_sliding_window", "attention in a window is not supported", .unsupported)
    }
    for layer in value("layer_types")?.array ?? [] where layer.string != "full_attention" {
      throw failure(
        "layer_types", "layers other than 'full_attention' are not supported", .unsupported)
    }
    if let activation = try string("hidden_act"), activation != "silu", activation != "swish" {
      throw failure("hidden_act", "the activation '\(activation)' is not supported", .unsupported)
    }
    if let factor = try positive("partial_rotary_factor"), factor != 1 {
      throw failure("partial_rotary_factor", "only 1 is supported", .unsupported)
    }
  }

  private func rotaryScaling() throws -> RotaryScaling? {
    let type = try string("rope_type") ?? string("type") ?? "default"
    if type == "default" { return nil }
    guard type == "llama3" else {
      throw failure(
        "rope_type", "the rotary scaling '\(type)' is not supported", .unsupported,
        remedy: "Supported are 'default' and 'llama3'.")
    }
    func needed(_ key: String) throws -> Double {
      guard let number = try positive(key) else { throw failure(key, "is missing") }
      return number
    }
    let scaling = RotaryScaling(
      factor: try needed("factor"), lowFrequencyFactor: try needed("low_freq_factor"),
      highFrequencyFactor: try needed("high_freq_factor"),
      originalSequenceLength: try self.needed("original_max_position_embeddings"))
    guard scaling.lowFrequencyFactor < scaling.highFrequencyFactor else {
      throw failure("high_freq_factor", "must be above low_freq_factor")
    }
    return scaling
  }

  func dtype() throws -> DType? {
    for key in ["dtype", "torch_dtype"] {
      guard var name = try string(key) else { continue }
      if name.hasPrefix("torch.") { name.removeFirst("torch.".count) }
      guard let dtype = DType(torchName: name), dtype.isFloatingPoint else {
        throw failure(
          key, "unknown dtype '\(name)'", remedy: "Known are float32, bfloat16 and float16.")
      }
      return dtype
    }
    return nil
  }

  func quantization() throws -> QuantizationScheme? {
    guard let inner = try object("quantization_config") else { return nil }
    return try inner.scheme()
  }
}
