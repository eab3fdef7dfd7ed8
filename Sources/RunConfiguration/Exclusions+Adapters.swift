// Which recipes take models with adapters.
import Essentials

extension Exclusions {
  static let adaptersNeeded = Exclusion("the model is a builder with LoRA adapters") { root in
    let model = root[Keys.model]
    guard !model.hasAdapters else { return nil }
    return model.errorAtComponent(
      "'\(model.component ?? "")' has no adapters, and the recipe trains those",
      remedy: "Use its lora_ builder, or a recipe that trains all weights.")
  }

  static let noAdapters = Exclusion("the model is a builder without LoRA adapters") { root in
    let model = root[Keys.model]
    guard model.hasAdapters else { return nil }
    return model.errorAtComponent(
      "'\(model.component ?? "")' has adapters, and this recipe has none",
      remedy: "Use the builder without lora_, or a recipe for adapters.")
  }

  static let headAdapter = Exclusion("apply_lora_to_output excludes tied embeddings") { root in
    let model = root[Keys.model]
    guard model.hasAdapters, model[Keys.Model.adaptsHead],
      model.declares(Keys.Model.tiesEmbeddings), model[Keys.Model.tiesEmbeddings]
    else { return nil }
    return model.error(
      at: Keys.Model.adaptsHead,
      "needs an output head of its own, and this model's is its embedding",
      remedy: "Set it to False.")
  }
}
