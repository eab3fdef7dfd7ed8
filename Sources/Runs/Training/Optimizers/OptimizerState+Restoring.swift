// Saved state is a user's input: its names and sizes are checked before it is put back.
import Essentials
import Sharding
import Tensors

/// The states of one unit, checked against what an optimizer keeps.
struct SavedOptimizerState {
  private let states: [String: OptimizerState]
  private let layout: ShardLayout

  /// - Parameter names: what the optimizer keeps.
  /// - Throws: `TuneError` `.checkpointMismatch` when other states were saved, or of another size.
  init(
    _ states: [String: OptimizerState], names: [String], of optimizer: String, for shard: Shard
  ) throws {
    try Self.check(Set(states.keys), names: names, of: optimizer)
    self.states = states
    layout = shard.layout
    for (name, state) in states { try check(state, name) }
  }
  /// Saved before the first step.
  var isEmpty: Bool { states.isEmpty }

  /// A copy of the state `name`, a piece of `layout` each.
  func pieces(_ name: String) -> [OptimizerStatePiece] {
    states[name]?.pieces(of: layout) ?? []
  }
  /// A copy of the state `name` in the order of a shard's buffer.
  func elements(_ name: String, _ dtype: DType, on device: Device) -> Tensor {
    let flat = Tensor.zeros([layout.count], dtype, on: device)
    for (piece, state) in zip(layout.pieces, pieces(name)) {
      flat.narrow(0, from: piece.offset, count: piece.count).copy(from: state.elements)
    }
    return flat
  }

  private func check(_ state: OptimizerState, _ name: String) throws {
    if case .elements(let flat) = state, flat.count != layout.count {
      throw SavedOptimizerState.mismatch(
        "'\(name)' has \(flat.count) elements, but the shard has \(layout.count)")
    }
    let pieces = state.pieces(of: layout)
    guard pieces.count == layout.pieces.count else {
      throw SavedOptimizerState.mismatch(
        "'\(name)' covers \(pieces.count) parameters, not \(layout.pieces.count)")
    }
    for (piece, saved) in zip(layout.pieces, pieces) {
      guard saved.count == piece.count else {
        throw SavedOptimizerState.mismatch(
          "'\(name)' has \(saved.count) elements for a parameter's \(piece.count)")
      }
      if case .blocks(let blocks) = saved, !blocks.isConsistent {
        throw SavedOptimizerState.mismatch("'\(name)' has codes and scales that do not match")
      }
    }
  }
  /// - Parameter saved: The states of a unit that was saved; none before the first step.
  static func check(_ saved: Set<String>, names: [String], of optimizer: String) throws {
    guard saved.isEmpty || saved == Set(names) else {
      throw mismatch("holds \(list(saved)), but \(optimizer) keeps \(list(names))")
    }
  }
  /// Every saved step leaves all states of every parameter.
  static func check(
    _ saved: Set<String>, names: [String], of optimizer: String, parameter: String
  ) throws {
    guard saved == Set(names) else {
      throw mismatch(
        "holds \(list(saved)), but \(optimizer) keeps \(list(names)) for '\(parameter)'")
    }
  }
  private static func list(_ names: some Sequence<String>) -> String {
    let quoted = names.sorted().map { "'\($0)'" }
    return quoted.isEmpty ? "no state" : quoted.joined(separator: ", ")
  }
  static func mismatch(_ message: String) -> TuneError {
    TuneError(
      .checkpointMismatch, "the saved optimizer state " + message,
      remedy: "Resume with the optimizer and the model that the state was saved with.")
  }
}
