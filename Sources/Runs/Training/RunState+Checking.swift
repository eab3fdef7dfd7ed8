// A saved state against what a run needs, by the names, shapes and types in the header of its file: what
// cannot be resumed is refused before gigabytes of weights and states are read.
import Checkpoints
import Essentials
import Layers
import Tensors
import WeightFiles

extension RunState {
  /// - Parameter dtype: of the model's parameters.
  /// - Throws: `TuneError` `.checkpointMismatch` when `optimizer` cannot go on from the state.
  package static func check(
    _ file: any SavedTensors, fits optimizer: any Optimizer, _ units: DecoderUnits, dtype: DType
  ) throws {
    let saved = try SavedNames(file)
    let kept = optimizer.stateNames(for: dtype)
    do {
      let trained = units.trained.flatMap(\.self)
      let unknown = saved.parameters.subtracting(trained.map(\.name))
      if let name = unknown.min() {
        throw SavedOptimizerState.mismatch("is also of '\(name)', which this run does not train")
      }
      for parameter in trained {
        let claims = try saved.claims(of: parameter.name)
        try SavedOptimizerState.check(
          Set(claims.keys), names: kept, of: "the optimizer", parameter: parameter.name)
        for (name, claim) in claims.sorted(by: { $0.key < $1.key }) {
          if claim.count != parameter.count {
            throw SavedOptimizerState.mismatch(
              "'\(name)' has \(claim.count) elements for the \(parameter.count) of "
                + "'\(parameter.name)'")
          }
          if let fault = claim.fault {
            throw SavedOptimizerState.mismatch("'\(name)' of '\(parameter.name)' \(fault)")
          }
        }
      }
    } catch var error as TuneError {
      error.location.file = error.location.file ?? file.path
      throw error
    }
  }
}
