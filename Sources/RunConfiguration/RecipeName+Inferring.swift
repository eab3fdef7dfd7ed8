// `tune validate` is given a configuration and no recipe: the keys tell which one it is for.

extension RecipeName {
  /// The recipe that a configuration is for, judged by keys that only its kind has.
  package init(inferringFrom map: ConfigurationMap) {
    let keys = Set(map.keys)
    // `cuda:0` names one device, which a distributed recipe refuses.
    let isSingle = map["device"]?.value.string?.hasPrefix("cuda:") ?? false
    if !keys.isDisjoint(with: ["optimizer", "dataset", "epochs", "loss"]) {
      let isQAT = !keys.isDisjoint(with: ["quantizer", "fake_quant_after_n_steps"])
      let model = map["model"]?.value.component?.split(separator: ".").last ?? ""
      let hasAdapters = model.contains("lora_")
      switch (isQAT, hasAdapters, isSingle) {
      case (true, true, _): self = .qatLoraFinetuneDistributed
      case (true, false, true): self = .qatSingleDevice
      case (true, false, false): self = .qatDistributed
      case (false, true, _):
        self =
          isSingle || keys.contains("low_cpu_ram")
          ? .loraFinetuneSingleDevice : .loraFinetuneDistributed
      case (false, false, true): self = .fullFinetuneSingleDevice
      case (false, false, false): self = .fullFinetuneDistributed
      }
    } else if !keys.isDisjoint(with: ["tasks", "text_files", "text_file", "task_data"]) {
      self = .eleutherEval
    } else if !keys.isDisjoint(with: ["prompt", "max_new_tokens"]) {
      self = .generate
    } else {
      self = .quantize
    }
  }
}
