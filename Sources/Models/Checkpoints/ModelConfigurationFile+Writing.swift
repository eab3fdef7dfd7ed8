// config.json as it is written: of a fresh model, or an existing one with what changed.
import Essentials
import Layers
import Quantization
import Tensors

extension ModelConfigurationFile {
  /// Of a fresh model, as transformers' class of its architecture reads it.
  package init(_ decoder: DecoderConfiguration, dtype: DType?, path: String) {
    var json: JSONObject = [
      "architectures": .array([.string(decoder.architecture.className)]),
      "model_type": .string(decoder.architecture.rawValue),
      "hidden_size": .integer(decoder.width),
      "intermediate_size": .integer(decoder.hiddenWidth),
      "num_hidden_layers": .integer(decoder.layerCount),
      "num_attention_heads": .integer(decoder.headCount),
      "num_key_value_heads": .integer(decoder.keyValueHeadCount),
      "head_dim": .integer(decoder.headWidth),
      "vocab_size": .integer(decoder.vocabularySize),
      "max_position_embeddings": .integer(decoder.maximumSequenceLength),
      "hidden_act": .string(decoder.choices.activation == .silu ? "silu" : "gelu_pytorch_tanh"),
      "rms_norm_eps": .number(decoder.normEpsilon),
      "rope_theta": .number(decoder.rotary.base),
      "rope_scaling": decoder.rotary.scalingJSON,
      "tie_word_embeddings": .bool(decoder.tiesEmbeddings),
      "initializer_range": .number(initialStandardDeviation),
      "torch_dtype": dtype.map { JSON.string($0.torchName) } ?? .null,
    ]
    for (key, value) in decoder.architecture.family.settings(decoder) { json[key] = value }
    self.path = path
    self.json = json
    self.decoder = decoder
    self.dtype = dtype
    quantization = nil
  }

  /// The same model stored in another way.
  func storing(_ dtype: DType, _ quantization: QuantizationPlan?) -> ModelConfigurationFile {
    var changed = self
    changed.dtype = dtype
    changed.quantization = quantization
    let keys = ["dtype", "torch_dtype"].filter { json[$0] != nil }
    for key in keys.isEmpty ? ["torch_dtype"] : keys {
      changed.json[key] = .string(dtype.torchName)
    }
    changed.json["quantization_config"] = quantization.map(QuantizationDescription.json)
    return changed
  }
}
