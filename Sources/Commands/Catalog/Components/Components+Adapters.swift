// The builders of models with low-rank adapters: each is the builder without them and what the
// adapters are. Their configurations are checked in full; adapters are not trained yet.
import Configuration

/// How a builder's name says that its decoder has adapters.
package enum AdapterForm: String, CaseIterable {
  case lora = "lora_"
  /// On frozen weights of 4 bits.
  case qlora = "qlora_"

  /// Nil for a builder without adapters.
  init?(builder path: String) {
    let name = path.split(separator: ".").last ?? ""
    guard let form = Self.allCases.first(where: { name.hasPrefix($0.rawValue) }) else { return nil }
    self = form
  }

  fileprivate func adapted(_ path: String) -> String {
    var names = path.split(separator: ".").map(String.init)
    let name = names.removeLast()
    names.append(rawValue + name)
    return names.joined(separator: ".")
  }
}

extension Components {
  /// `lora_` builders of every decoder, and their `qlora_` forms where torchtune has one.
  static let adapterModels: [ComponentDeclaration] = (families + llamas + qwens).flatMap { base in
    let isFamily = base.family == base.path
    let plain = ComponentDeclaration(
      .model, AdapterForm.lora.adapted(base.path), base.summary + ", with LoRA adapters",
      arguments: base.arguments + adapters(hasSizes: !isFamily)
        + [Keys.Model.quantizesBase.declaration], preset: base.preset, family: base.family)
    let quantized = ComponentDeclaration(
      .model, AdapterForm.qlora.adapted(base.path),
      base.summary + ", with LoRA adapters on frozen weights of 4 bits",
      arguments: base.arguments + adapters(hasSizes: true),
      preset: base.preset + [(Keys.Model.quantizesBase.name, true)], family: base.family)
    // torchtune has no such builders for families and for Qwen.
    return isFamily || base.path.contains("qwen") ? [plain] : [plain, quantized]
  }

  @KeyList private static func adapters(hasSizes: Bool) -> [KeyDeclaration] {
    Keys.Model.adaptedAttention
    Keys.Model.adaptsFeedForward
    Keys.Model.adaptsHead
    hasSizes ? Keys.Model.adapterRank.defaulting(to: 8) : Keys.Model.adapterRank.declaration
    hasSizes ? Keys.Model.adapterAlpha.defaulting(to: 16.0) : Keys.Model.adapterAlpha.declaration
    Keys.Model.adapterDropout
    Keys.Model.learnsRowNorms
  }
}

extension Keys.Model {
  package static let adaptedAttention = Key.required(
    "lora_attn_modules", .list(.choice(["q_proj", "k_proj", "v_proj", "output_proj"])),
    "The attention projections that get an adapter")
  package static let adaptsFeedForward = Key.optional(
    "apply_lora_to_mlp", .bool, default: false, "Adapt the feed-forward layers as well")
  package static let adaptsHead = Key.optional(
    "apply_lora_to_output", .bool, default: false, "Adapt the output head as well")
  package static let adapterRank = Key.required(
    "lora_rank", .int(1...(1 << 20)), "The rank of the adapters")
  package static let adapterAlpha = Key.required(
    "lora_alpha", .double(0...1e9), "Their scale is lora_alpha / lora_rank")
  package static let adapterDropout = Key.optional(
    "lora_dropout", .double(0...1), default: 0.0, "The share of inputs an adapter drops")
  package static let learnsRowNorms = Key.optional(
    "use_dora", .bool, default: false, "Learn the norm of each row apart (DoRA)")
  package static let quantizesBase = Key.optional(
    "quantize_base", .bool, default: false, "Keep the frozen weights in 4 bits (QLoRA)")
}

extension Section {
  /// Whether a `model` section is a decoder with adapters.
  package var hasAdapters: Bool { component.flatMap(AdapterForm.init(builder:)) != nil }
}
