// Which recipes take models with adapters.
import Essentials

extension Exclusions {
  static let adaptersNeeded = Exclusion("the model is a builder with LoRA adapters") { root in
    let model = root.section("model")
    guard !model.hasAdapters else { return nil }
    return model.error(
      at: "_component_", "'\(model.component ?? "")' has no adapters, and the recipe trains those",
      remedy: "Use its lora_ builder, or a recipe that trains all weights.")
  }

  static let noAdapters = Exclusion("the model is a builder without LoRA adapters") { root in
    let model = root.section("model")
    guard model.hasAdapters else { return nil }
    return model.error(
      at: "_component_", "'\(model.component ?? "")' has adapters, and this recipe has none",
      remedy: "Use the builder without lora_, or a recipe for adapters.")
  }

  static let headAdapter = Exclusion("apply_lora_to_output excludes tied embeddings") { root in
    let model = root.section("model")
    guard model.hasAdapters, model.bool("apply_lora_to_output"),
      model.declares("tie_word_embeddings"), model.bool("tie_word_embeddings")
    else { return nil }
    return model.error(
      at: "apply_lora_to_output",
      "needs an output head of its own, and this model's is its embedding",
      remedy: "Set it to False.")
  }
}
