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

  /// The names of the states that it keeps of parameters in `dtype`.
  func stateNames(for dtype: DType) -> [String]
  /// The state of a unit by name, for checkpoints; empty before the first step.
  func state(unit: Int, like parameter: Shard) -> [String: OptimizerState]
  /// Puts a copy of a saved state back, exactly when its kinds are those that `state` gave. Blocks
  /// and plain elements are converted into one another where the optimizer keeps the other.
  /// - Throws: `TuneError` `.checkpointMismatch` when the state is of another optimizer.
  func restore(unit: Int, like parameter: Shard, _ state: [String: OptimizerState]) throws
}

/// One named state of a unit. The tensors are the live ones: write them before the next update.
package enum OptimizerState: Sendable {
  /// [layout.count], an element for each parameter element, in the shard's own order, padding zero.
  case elements(Tensor)
  /// One for each of the layout's pieces, padding included: the same sizes on all ranks.
  case pieces([OptimizerStatePiece])
}

/// The state of one parameter on one rank (or of a whole parameter, or of any stretch of it).
package enum OptimizerStatePiece: Sendable {
  /// [n]
  case elements(Tensor)
  case blocks(QuantizedBlocks)
}

/// Numbers in 8 bits: an index into a codebook for each, and a scale for each block.
package struct QuantizedBlocks: Sendable {
  package struct Format: Sendable, Equatable {
    package var blockSize: Int
    /// Whether the codebook has negative numbers.
    package var isSigned: Bool
    package init(blockSize: Int, isSigned: Bool) {
      self.blockSize = blockSize
      self.isSigned = isSigned
    }
  }
  package let format: Format
  /// [n] uint8
  package let codes: Tensor
  /// [n / blockSize, rounded up] fp32
  package let scales: Tensor
  package init(_ format: Format, codes: Tensor, scales: Tensor) {
    self.format = format
    self.codes = codes
    self.scales = scales
  }
}
