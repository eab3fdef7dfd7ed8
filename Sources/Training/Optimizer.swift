// What the training loop asks of an optimizer. It works on shards: flat pieces of one unit's
// parameters on one rank, so that state is sharded as the parameters are.
import Sharding
import Tensors

/// Steps one unit's shard at a time, with its summed and scaled gradient.
package protocol Optimizer: AnyObject {
  /// Updates `parameter.flat` in place.
  /// - Parameters:
  ///   - unit: which unit of the model; state is kept per unit.
  ///   - gradient: [parameter.layout.count], this rank's shard, already divided by the label tokens.
  ///   - step: the number of this step, from 1.
  func update(
    unit: Int, _ parameter: Shard, gradient: Tensor, learningRate: Double, step: Int)

  /// The state of a unit as named tensors of the shard's own layout and dtype-preserving, for
  /// checkpoints; empty before the first step.
  func state(unit: Int, like parameter: Shard) -> [String: OptimizerState]
  /// Puts a saved state back. Names and kinds are those that `state` gave.
  /// - Throws: `TuneError` `.checkpointMismatch` when the state is of another optimizer.
  func restore(unit: Int, like parameter: Shard, _ state: [String: OptimizerState]) throws
}

/// One tensor of an optimizer's state.
package struct OptimizerState {
  /// [layout.count], an element for each parameter element, in the shard's own order, so that it
  /// can be resharded over another number of ranks.
  package var flat: Tensor
  package init(_ flat: Tensor) { self.flat = flat }
}
