// A `model` section as the one decoder's configuration, and the folder of a `checkpointer` section
// checked against it.
import Catalog
import Checkpoints
import Configuration
import Essentials
import Layers

/// The `model` section as sizes and constants of the one decoder; those of config.json where it leaves them to
/// the checkpoint.
/// - Throws: `TuneError` for a config.json that is missing, malformed, or of a model that is not supported.
package func decoderConfiguration(from root: Section) throws -> DecoderConfiguration {
  let model = root[Keys.model]
  guard model.isCheckpointModel else { return decoderConfiguration(ofBuilder: model) }
  let checkpointer = root[Keys.checkpointer]
  var configuration = try locatingErrors(in: checkpointer, at: Keys.Checkpointer.folder) {
    try ModelConfigurationFile(inFolder: checkpointer[Keys.Checkpointer.folder]).decoder
  }
  if let limit = model[Keys.Model.longestSequenceHere] {
    configuration.maximumSequenceLength = limit
  }
  try checkModelType(checkpointer, configuration.architecture)
  return configuration
}

/// The rule of builders, for a model that only its files describe.
private func checkModelType(_ checkpointer: Section, _ architecture: ModelArchitecture) throws {
  let families = ModelFamily.allCases.filter { $0.architecture == architecture }
  guard let type = checkpointer[Keys.Checkpointer.modelType],
    !families.contains(where: { $0.modelTypes.contains(type) })
  else { return }
  throw checkpointer.error(
    at: Keys.Checkpointer.modelType,
    "does not match config.json, whose model_type is \(architecture.rawValue)",
    remedy: "Remove the key: config.json says what the model is.")
}

private func decoderConfiguration(ofBuilder model: Section) -> DecoderConfiguration {
  guard let family = model.modelFamily else {
    preconditionFailure("the schema lets through the model \(model.component ?? "none")")
  }
  typealias Model = Keys.Model
  let width = model[Model.width]
  return DecoderConfiguration(
    family.architecture,
    vocabularySize: model[Model.vocabularySize], layerCount: model[Model.layerCount],
    headCount: model[Model.headCount], keyValueHeadCount: model[Model.keyValueHeadCount],
    width: width,
    headWidth: family == .qwen3 ? model[Model.headWidth] : nil,
    hiddenWidth: model[Model.hiddenWidth] ?? derivedHiddenWidth(of: width),
    maximumSequenceLength: model[Model.longestSequence], normEpsilon: model[Model.normEpsilon],
    rotaryBase: model[Model.rotaryBase],
    rotaryScaling: family.rescalesFrequencies
      ? rotaryScaling(factor: model[Model.scaleFactor]) : nil,
    tiesEmbeddings: family.mayTieEmbeddings && model[Model.tiesEmbeddings])
}

/// Llama 3.1's; a factor of 1 rescales nothing.
private func rotaryScaling(factor: Int) -> RotaryScaling? {
  factor == 1 ? nil : .llama3(.init(factor: Double(factor)))
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
      remedy:
        "Choose the model that the checkpoint was made for, or let config.json say what it is: "
        + "model=\(CheckpointModel.path)")
  }
  try folder.check(against: configuration)
  try folder.refuseUnexpectedTensors(for: configuration)
  try folder.checkTiedHead(of: configuration)
  for remark in folder.configuration.remarks { log.warning(remark) }
  if let remark = folder.remarkOnAdapter { log.warning(remark) }
  let trained = folder.configuration.decoder.maximumSequenceLength
  if configuration.maximumSequenceLength > trained {
    log.warning(
      "model.max_seq_len is \(configuration.maximumSequenceLength), and the checkpoint was made for "
        + "\(trained) positions (max_position_embeddings in its config.json): it has not learned those beyond"
    )
  }
  let unused = folder.harmlessNames(for: configuration)
  if !unused.isEmpty {
    log.warning(
      "the checkpoint stores tensors that the model computes itself or has twice; they are not read: "
        + nameSummary(unused))
  }
  return folder
}
