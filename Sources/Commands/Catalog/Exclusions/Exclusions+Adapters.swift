// Which recipes take models with adapters.
import Configuration
import Essentials

extension Exclusions {
  static let adaptersNeeded = Exclusion("the model is a builder with LoRA adapters") { root in
    let model = root[Keys.model]
    guard !model.hasAdapters else { return nil }
    return model.errorAtComponent(
      "'\(model.component ?? "")' has no LoRA adapters to train",
      remedy: "Use its lora_ builder, or a recipe that trains all weights.")
  }

  static let noAdapters = Exclusion("the model is a builder without LoRA adapters") { root in
    let model = root[Keys.model]
    guard model.hasAdapters else { return nil }
    return model.errorAtComponent(
      "'\(model.component ?? "")' has LoRA adapters, which this recipe does not support",
      remedy: "Use the builder without lora_, or a LoRA recipe.")
  }

  static let headAdapter = Exclusion("apply_lora_to_output excludes tied embeddings") { root in
    let model = root[Keys.model]
    guard model.hasAdapters, model[Keys.Model.adaptsHead],
      model.declares(Keys.Model.tiesEmbeddings), model[Keys.Model.tiesEmbeddings]
    else { return nil }
    return model.error(
      at: Keys.Model.adaptsHead,
      "is not supported when the output head shares the token embedding",
      remedy: "Set it to False.")
  }
}
