// A `model` section as the one decoder's configuration, and the folder of a `checkpointer` section
// checked against it.
import Catalog
import Checkpoints
import Configuration
import Essentials
import Layers

/// A `model` section as sizes and constants of the one decoder.
package func decoderConfiguration(from model: Section) -> DecoderConfiguration {
  guard let family = model.modelFamily else {
    preconditionFailure("the schema lets through the model \(model.component ?? "none")")
  }
  typealias Model = Keys.Model
  let width = model[Model.width]
  return DecoderConfiguration(
    vocabularySize: model[Model.vocabularySize], layerCount: model[Model.layerCount],
    headCount: model[Model.headCount], keyValueHeadCount: model[Model.keyValueHeadCount],
    width: width,
    headWidth: family == .qwen3 ? model[Model.headWidth] : nil,
    hiddenWidth: model[Model.hiddenWidth] ?? derivedHiddenWidth(of: width),
    maximumSequenceLength: model[Model.longestSequence], normEpsilon: model[Model.normEpsilon],
    rotaryBase: model[Model.rotaryBase],
    rotaryScaling: family.rescalesFrequencies
      ? RotaryScaling(factor: Double(model[Model.scaleFactor])) : nil,
    tiesEmbeddings: family.mayTieEmbeddings && model[Model.tiesEmbeddings],
    hasAttentionBiases: family == .qwen2, normalizesHeads: family == .qwen3)
}

/// torchtune's rule where `intermediate_dim` is null: two thirds of 4 D, up to a multiple of 256.
private func derivedHiddenWidth(of width: Int) -> Int {
  let wanted = 4 * (2 * width / 3)
  return (wanted + 255) / 256 * 256
}

/// The folder a `checkpointer` section reads, found to hold the model that the configuration names.
/// - Throws: for files that are missing or broken, tensors of other shapes, and tensors that the model does
///   not have; reads no weights.
package func modelFolder(
  from checkpointer: Section, for configuration: DecoderConfiguration, log: RecipeLog
) throws -> ModelFolder {
  let folder = try locatingErrors(in: checkpointer) {
    try ModelFolder(
      path: checkpointer[Keys.Checkpointer.folder], files: checkpointer.checkpointFiles(),
      naming: checkpointer.checkpointNaming, decoder: configuration)
  }
  if let difference = configuration.difference(from: folder.configuration.decoder) {
    throw checkpointer.error(
      at: Keys.Checkpointer.folder,
      "the checkpoint's config.json and the model section differ: \(difference)",
      remedy: "Choose the model that the checkpoint was made for.")
  }
  try folder.check(against: configuration)
  try folder.refuseUnexpectedTensors(for: configuration)
  let unused = folder.harmlessNames(for: configuration)
  if !unused.isEmpty {
    log.warning(
      "the checkpoint stores tensors that the model computes itself; they are not read: "
        + ModelFolder.listed(unused))
  }
  return folder
}

extension DecoderConfiguration {
  /// The first constant that changes what the same weights compute, which no tensor's shape shows.
  /// The longest sequence may differ: it is how the model is used.
  fileprivate func difference(from stored: DecoderConfiguration) -> String? {
    func differ<V: Equatable>(_ name: String, _ path: KeyPath<DecoderConfiguration, V>) -> String? {
      let (mine, theirs) = (self[keyPath: path], stored[keyPath: path])
      return mine == theirs ? nil : "\(name) is \(mine) here and \(theirs) there"
    }
    if (hasAttentionBiases, normalizesHeads) != (stored.hasAttentionBiases, stored.normalizesHeads)
    {
      return "they are of other families (\(familyName) here, \(stored.familyName) there)"
    }
    if (rotaryScaling == nil) != (stored.rotaryScaling == nil) {
      let (with, without) =
        rotaryScaling == nil
        ? ("config.json", "the model section") : ("the model section", "config.json")
      return "\(with) rescales rotary frequencies (Llama 3.1 and later) and \(without) does not"
    }
    typealias Model = Keys.Model
    let differences = [
      differ(Model.layerCount.name, \.layerCount), differ(Model.headCount.name, \.headCount),
      differ(Model.keyValueHeadCount.name, \.keyValueHeadCount), differ(Model.width.name, \.width),
      differ(Model.headWidth.name, \.headWidth),
      differ(Model.vocabularySize.name, \.vocabularySize),
      differ(Model.hiddenWidth.name, \.hiddenWidth), differ(Model.rotaryBase.name, \.rotaryBase),
      differ(Model.normEpsilon.name, \.normEpsilon),
      differ(Model.tiesEmbeddings.name, \.tiesEmbeddings),
      differ(Model.scaleFactor.name, \.rotaryScaling?.factor),
    ]
    return differences.compactMap { $0 }.first
  }
}

extension DecoderConfiguration {
  fileprivate var familyName: String {
    normalizesHeads ? "Qwen 3" : hasAttentionBiases ? "Qwen 2" : "Llama"
  }
}
