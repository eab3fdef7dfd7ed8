// The `trainable` key: which parameters the run trains, found before any weight is read.
import Catalog
import Checkpoints
import Configuration
import Essentials
import Layers
import Training

/// - Throws: for a pattern that matches nothing, and where a saved run trained other parameters.
func trainableParameters(
  _ root: Section, _ configuration: DecoderConfiguration, _ saved: RunState?
) throws -> TrainableParameters {
  let naming = root[Keys.checkpointer].checkpointNaming
  func parameters(_ patterns: [String]?) -> TrainableParameters {
    TrainableParameters(patterns, of: configuration, naming: naming)
  }
  let chosen = parameters(root[ifDeclared: Keys.trainable] ?? nil)
  if let pattern = chosen.unmatched.first {
    let specification = configuration.specification
    let block = specification.blocks[0]
    let norm = block.attentionNorm ?? block.attentionOutputNorm
    let names =
      ([
        specification.embedding, norm, block.attentionOutput.weight, block.down.weight,
        specification.head.norm,
      ] as [ParameterSpecification?]).compactMap(\.self).map { "'\(naming.name(of: $0.name))'" }
    throw root.error(
      at: Keys.trainable, "the pattern '\(pattern)' matches no parameter of the model",
      remedy: "Parameters have names such as \(names.joined(separator: ", ")). "
        + "'*' stands for any text.")
  }
  if let saved, parameters(saved.trainable).names != chosen.names {
    // In quotes, since to YAML a '*' in front is an alias.
    let patterns = saved.trainable.map { $0.map { "'\($0)'" }.joined(separator: ", ") }
    throw root.error(
      at: Keys.trainable,
      "the saved run trained \(patterns.map { "only what matches \($0)" } ?? "every parameter")",
      remedy: "Resume with trainable=\(patterns.map { "[\($0)]" } ?? "null"), or start from its "
        + "weights.")
  }
  return chosen
}
