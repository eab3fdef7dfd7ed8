import Catalog
import Configuration
// A model section of torchtune's against the checkpoint's config.json: what changes what the same weights compute,
// which no tensor's shape shows.
import Essentials
import Layers

extension DecoderConfiguration {
  /// The first constant that differs. Numbers are compared as fp32, which is what they are computed in: files
  /// made from GGUF hold fp32 numbers. The longest sequence may differ: it is how the model is used.
  func difference(from stored: DecoderConfiguration) -> String? {
    func differ<V: Equatable>(_ name: String, _ path: KeyPath<DecoderConfiguration, V>) -> String? {
      let (mine, theirs) = (self[keyPath: path], stored[keyPath: path])
      return mine == theirs ? nil : "\(name) is \(mine) here and \(theirs) there"
    }
    if architecture != stored.architecture {
      return "they are of other architectures "
        + "(\(architecture.title) here, \(stored.architecture.title) there)"
    }
    typealias Model = Keys.Model
    let differences = [
      differ(Model.layerCount.name, \.layerCount), differ(Model.headCount.name, \.headCount),
      differ(Model.keyValueHeadCount.name, \.keyValueHeadCount), differ(Model.width.name, \.width),
      differ(Model.headWidth.name, \.headWidth),
      differ(Model.vocabularySize.name, \.vocabularySize),
      differ(Model.hiddenWidth.name, \.hiddenWidth),
      numbersDiffer(Model.rotaryBase.name, rotary.base, stored.rotary.base),
      numbersDiffer(Model.normEpsilon.name, normEpsilon, stored.normEpsilon),
      differ(Model.tiesEmbeddings.name, \.tiesEmbeddings),
      scalingDifference(rotary.scaling, stored.rotary.scaling),
      choices == stored.choices
        ? nil : "config.json sets biases, windows or factors that this model section does not have",
    ]
    return differences.compactMap { $0 }.first
  }
}

private func numbersDiffer(_ name: String, _ mine: Double, _ theirs: Double) -> String? {
  Float(mine) == Float(theirs) ? nil : "\(name) is \(mine) here and \(theirs) there"
}

private func scalingDifference(_ mine: RotaryScaling?, _ theirs: RotaryScaling?) -> String? {
  switch (mine, theirs) {
  case (nil, nil): nil
  case (nil, _):
    "config.json rescales rotary frequencies (Llama 3.1 and later) and the model section does not"
  case (_, nil):
    "the model section rescales rotary frequencies (Llama 3.1 and later) and config.json does not"
  case (.llama3(let mine), .llama3(let theirs)):
    numbersDiffer(Keys.Model.scaleFactor.name, mine.factor, theirs.factor)
      ?? numbersDiffer("low_freq_factor", mine.lowFrequencyFactor, theirs.lowFrequencyFactor)
      ?? numbersDiffer("high_freq_factor", mine.highFrequencyFactor, theirs.highFrequencyFactor)
      ?? (mine.originalLength == theirs.originalLength
        ? nil
        : "original_max_position_embeddings is \(mine.originalLength) here and "
          + "\(theirs.originalLength) there")
  default:
    mine == theirs ? nil : "config.json rescales rotary frequencies in another way"
  }
}
