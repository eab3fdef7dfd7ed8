// What a config.json says that no decoder takes up. A key that would change the computation is refused where its
// family is read; here are those of which a user must know, by name, and those that are known to change nothing.
import Essentials
import Layers

/// The keys that were read, with the keys of the objects around them.
final class ReadKeys {
  private(set) var names: Set<String> = []
  func insert(_ name: String) { names.insert(name) }
}

extension ConfigurationReader {
  /// For people to read before training starts. Ask when the decoder and all else was read.
  func remarks(on decoder: DecoderConfiguration) -> [String] {
    let unread = unreadKeys(json, "").filter { !HarmlessKeys.has($0.key, $0.value, decoder) }
    let dropouts = unread.filter { HarmlessKeys.isDropout($0.key) }
    let others = unread.filter { !HarmlessKeys.isDropout($0.key) && $0.key != "auto_map" }
    var remarks: [String] = []
    if !dropouts.isEmpty {
      let list = dropouts.map { "\($0.key) (\($0.value.text()))" }.joined(separator: ", ")
      remarks.append("\(path) sets \(list): dropout is not applied in training")
    }
    let expected = decoder.architecture.className
    if unread.contains(where: { $0.key == "auto_map" }) {
      remarks.append(
        "\(path) names code of its own (auto_map), which is not run: the model is computed as "
          + "transformers' \(expected)")
    }
    let classes = json["architectures"]?.array?.compactMap(\.string) ?? []
    if !classes.isEmpty, !classes.contains(expected) {
      remarks.append(
        "\(path) says architectures: \(classes.joined(separator: ", ")); the model is computed as "
          + "\(expected), which its model_type stands for")
    }
    if !others.isEmpty {
      remarks.append(
        "\(path) has keys that have no effect here: "
          + nameSummary(others.map(\.key), limit: 8))
    }
    return remarks
  }

  /// Keys with a value that says something.
  private func unreadKeys(_ object: JSONObject, _ prefix: String) -> [(key: String, value: JSON)] {
    object.flatMap { key, value -> [(key: String, value: JSON)] in
      let name = prefix + key
      guard read.names.contains(name) else { return value.isOff ? [] : [(name, value)] }
      guard let inner = value.object, name != "quantization_config" else { return [] }
      return unreadKeys(inner, name + ".")
    }
  }
}

extension JSON {
  /// Null, false, 0 or empty: whatever the key means, it is off.
  fileprivate var isOff: Bool {
    switch self {
    case .null: true
    case .array(let elements): elements.isEmpty
    case .object(let object): object.isEmpty
    default: bool == false || double == 0 || string == ""
    }
  }
}

enum HarmlessKeys {
  static func isDropout(_ key: String) -> Bool {
    ["dropout", "pdrop", "layerdrop", "drop_rate"].contains(where: key.contains)
  }

  static func has(_ key: String, _ value: JSON, _ decoder: DecoderConfiguration) -> Bool {
    if general.contains(key) || generation.contains(key) { return true }
    // The settings of a rotary embedding of another kind.
    if key.hasPrefix("rope_scaling.") || key.hasPrefix("rope_parameters.") {
      let inner = key.split(separator: ".").last.map(String.init) ?? key
      return rotary.contains(inner)
    }
    switch decoder.architecture {
    case .qwen2, .qwen3, .smollm3:
      // Where no layer is in a window; and Qwen 2's biases, which are no setting.
      return [
        "sliding_window", "max_window_layers", "no_rope_layer_interval", "attention_bias",
      ].contains(key)
    case .gemma2, .gemma3:
      return ["hidden_act", "sliding_window_pattern", "_sliding_window_pattern"].contains(key)
    case .phi3:
      // Phi-4-mini's files have them, at values that mean nothing.
      if ["full_attn_mod", "interpolate_factor"].contains(key) { return value.integer == 1 }
      return key == "original_max_position_embeddings"
    case .llama, .mistral, .olmo2, .granite: return false
    }
  }

  private static let rotary: Set<String> = [
    "finetuned", "original_max_position_embeddings", "mscale", "mscale_all_dim",
  ]

  /// How the model is stored, named and run; what its weights were before training.
  private static let general: Set<String> = [
    "_attn_implementation", "_attn_implementation_autoset", "_commit_hash",
    "_flash_attn_2_enabled", "_name_or_path", "architectures", "attn_implementation",
    "base_model_pp_plan", "base_model_tp_plan", "bos_token_id", "cache_implementation",
    "chunk_size_feed_forward", "dtype", "eos_token_id", "finetuning_task", "id2label",
    "initializer_range", "is_decoder", "is_llama_config", "label2id", "model_type",
    "name_or_path", "num_labels", "output_attentions", "output_hidden_states", "pad_token_id",
    "prefix", "pretraining_tp", "problem_type", "pruned_heads", "quantization_config",
    "return_dict", "rope_scaling", "rope_parameters", "rope_theta", "sep_token_id",
    "task_specific_params", "tf_legacy_loss", "tokenizer_class", "torch_dtype", "torchscript",
    "transformers.js_config", "transformers_version", "unk_token_id", "unsloth_fixed",
    "unsloth_version", "use_bfloat16", "use_cache",
  ]

  /// What old files have for generation_config.json.
  private static let generation: Set<String> = [
    "bad_words_ids", "begin_suppress_tokens", "decoder_start_token_id", "diversity_penalty",
    "do_sample", "early_stopping", "encoder_no_repeat_ngram_size",
    "exponential_decay_length_penalty", "forced_bos_token_id", "forced_eos_token_id",
    "length_penalty", "max_length", "min_length", "no_repeat_ngram_size", "num_beam_groups",
    "num_beams", "num_return_sequences", "output_scores", "remove_invalid_values",
    "repetition_penalty", "return_dict_in_generate", "suppress_tokens", "temperature", "top_k",
    "top_p", "typical_p",
  ]
}
