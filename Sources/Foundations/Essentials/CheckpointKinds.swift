// How checkpoints differ, as configurations say it and files have it.

/// Whose names and row order the tensors of a checkpoint have.
package enum CheckpointNaming: Sendable, Equatable {
  case huggingFace, meta, torchtune
}

/// The format of weight files.
package enum WeightFormat: Sendable, Equatable {
  case safetensors
  /// torch.save's.
  case torch
}
