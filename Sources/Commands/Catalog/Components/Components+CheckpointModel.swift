// The model that a checkpoint's own config.json describes: any of the supported architectures, of any size.
import Configuration

/// `swift_tune.models.checkpoint`
package enum CheckpointModel {
  package static let path = "swift_tune.models.checkpoint"

  static let declaration = ComponentDeclaration(
    .model, path, "The model that config.json in checkpointer.checkpoint_dir describes",
    arguments: [
      Keys.Model.longestSequenceHere.declaration
    ])
}

extension Keys.Model {
  package static let longestSequenceHere = Key.nullable(
    "max_seq_len", .int(1...(1 << 30)),
    "The longest sequence that the model can see; null takes max_position_embeddings of config.json"
  )
}

extension Section {
  /// Whether a `model` section leaves it to the checkpoint what the model is.
  package var isCheckpointModel: Bool { component == CheckpointModel.path }
}
