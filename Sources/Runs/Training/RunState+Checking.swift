// A saved state against what a run needs, by the names and sizes in the header of its file: what cannot be
// resumed is refused before gigabytes of weights and states are read.
import Checkpoints
import Essentials
import Layers
import Tensors

extension RunState {
  /// - Parameter dtype: of the model's parameters.
  /// - Throws: `TuneError` `.checkpointMismatch` when `optimizer` cannot go on from the state.
  package static func check(
    _ file: SafetensorsFile, fits optimizer: any Optimizer, _ units: DecoderUnits, dtype: DType
  ) throws {
    let saved = try SavedNames(file)
    let kept = optimizer.stateNames(for: dtype)
    do {
      for parameters in units.trained {
        let sizes = try parameters.map { try saved.sizes(of: $0.name) }
        let names = Set(sizes.flatMap(\.keys))
        try SavedOptimizerState.check(names, names: kept, of: "the optimizer")
        for (parameter, sizes) in zip(parameters, sizes) {
          for name in names.sorted() where sizes[name] != parameter.count {
            throw SavedOptimizerState.mismatch(
              "'\(name)' has \(sizes[name] ?? 0) elements for the \(parameter.count) of "
                + "'\(parameter.name)'")
          }
        }
      }
    } catch var error as TuneError {
      error.location.file = error.location.file ?? file.path
      throw error
    }
  }
}
