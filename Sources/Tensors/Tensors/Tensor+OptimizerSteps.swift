// The optimizer kernels of the bridge. A tensor is always a parameter here: that keeps it alive
// during the call, which a temporary whose handle alone is passed on would not be.
import CTorch

/// The numbers of one AdamW step.
package struct AdamWConstants: Sendable {
  package var learningRate: Double
  package var beta1: Double
  package var beta2: Double
  package var epsilon: Double
  package var weightDecay: Double
  /// From 1.
  package var step: Int

  package init(
    learningRate: Double, beta1: Double, beta2: Double, epsilon: Double, weightDecay: Double,
    step: Int
  ) {
    self.learningRate = learningRate
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.weightDecay = weightDecay
    self.step = step
  }

  fileprivate var bridged: ct_adamw_options {
    ct_adamw_options(
      learning_rate: learningRate, beta1: beta1, beta2: beta2, epsilon: epsilon,
      weight_decay: weightDecay, step: Int64(step))
  }
}

/// AdamW computed in fp32 and rounded back to each tensor's own dtype.
package func stepAdamWInFloat32(
  _ parameter: Tensor, gradient: Tensor, mean: Tensor, square: Tensor, _ constants: AdamWConstants
) {
  done(
    ct_adamw_in_float32_(parameter.raw, gradient.raw, mean.raw, square.raw, constants.bridged),
    #fileID, #line)
}

/// AdamW with both moments in 8 bits; the gradient is fp32.
/// - Parameter byOperations: takes the path of other devices, which gives the same bits.
package func stepAdamW8bit(
  _ parameter: Tensor, gradient: Tensor, mean: ByteBlocks, square: ByteBlocks,
  _ constants: AdamWConstants, byOperations: Bool = false
) {
  let kernel = byOperations ? ct_adamw_8bit_by_ops_ : ct_adamw_8bit_
  done(
    kernel(
      parameter.raw, gradient.raw, mean.codes.raw, mean.scales.raw, square.codes.raw,
      square.scales.raw, Int64(mean.blockSize), constants.bridged), #fileID, #line)
}

/// torch's fused SGD on fp32 tensors; `isFirst` fills the buffer.
package func stepFusedSGD(
  _ parameter: Tensor, gradient: Tensor, buffer: Tensor?, learningRate: Double, momentum: Double,
  dampening: Double, weightDecay: Double, nesterov: Bool, isFirst: Bool
) {
  done(
    ct_fused_sgd_(
      parameter.raw, gradient.raw, buffer?.raw, learningRate, momentum, dampening, weightDecay,
      nesterov, isFirst), #fileID, #line)
}

extension Tensor {
  /// Multiplies by a factor in fp32 and rounds once. libtorch's scalar product would round the
  /// factor to the tensor's dtype before; a factor in a tensor of its own keeps its digits.
  package func scaleInPlace(_ factor: Double) { multiplyInPlace(.full([], factor, .float64)) }
  /// In fp64, the same for any number of threads.
  package var sumOfSquares: Double {
    var sum = 0.0
    done(ct_sum_of_squares(raw, &sum), #fileID, #line)
    return sum
  }
  /// The largest absolute value, NaN where there is one: whether all is finite, at the cost of a read.
  package var largestMagnitude: Double {
    var largest = 0.0
    done(ct_largest_magnitude(raw, &largest), #fileID, #line)
    return largest
  }
}
