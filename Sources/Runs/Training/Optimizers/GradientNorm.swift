// The global norm of gradients, for clipping as torch.nn.utils.clip_grad_norm_ does and for the log.
// Each rank sums over its shards, whose padding is zero; the ranks' sums are added, in fp64.
import Tensors

/// Sum of the squares of one rank's gradient shards, the same for any number of threads.
package func sumOfSquares(_ shards: [Tensor]) -> Double {
  shards.reduce(0) { $0 + $1.sumOfSquares }
}

/// What gradients are multiplied by so that their norm is at most `maximum`. A norm that is not a
/// number gives a factor that is not one: nothing must hide it.
package func clipFactor(norm: Double, maximum: Double) -> Double {
  let factor = maximum / (norm + 1e-6)
  return factor >= 1 ? 1 : factor
}
