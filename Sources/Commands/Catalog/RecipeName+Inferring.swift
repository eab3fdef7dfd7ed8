// `tune validate` is given a configuration and no recipe: the keys tell which one it is for.
import Configuration

extension RecipeName {
  /// The recipe that a configuration is for, judged by keys that only its kind has.
  package init(inferringFrom map: ConfigurationMap) {
    let keys = Set(map.keys)
    // `cuda:0` names one device, which a distributed recipe refuses.
    let isSingle = map[Keys.device.name]?.value.string?.hasPrefix("cuda:") ?? false
    func has(_ names: String...) -> Bool { !keys.isDisjoint(with: names) }
    if has(Keys.optimizer.name, Keys.dataset.name, Keys.epochs.name, Keys.loss.name) {
      let isQAT = has(Keys.quantizer.name, Keys.fakeQuantizationDelay.name)
      let model = map[Keys.model.name]?.value.component
      let hasAdapters = model.flatMap(AdapterForm.init(builder:)) != nil
      switch (isQAT, hasAdapters, isSingle) {
      case (true, true, _): self = .qatLoraFinetuneDistributed
      case (true, false, true): self = .qatSingleDevice
      case (true, false, false): self = .qatDistributed
      case (false, true, _):
        self =
          isSingle || has(TorchtuneOnly.lowMemoryReading.name)
          ? .loraFinetuneSingleDevice : .loraFinetuneDistributed
      case (false, false, true): self = .fullFinetuneSingleDevice
      case (false, false, false): self = .fullFinetuneDistributed
      }
    } else if has(
      Keys.tasks.name, Keys.textFiles.name, Keys.textFile.name, Keys.taskData.name)
    {
      self = .eleutherEval
    } else if has(Keys.prompt.name, Keys.maximumNewTokens.name) {
      self = .generate
    } else {
      self = .quantize
    }
  }
}
