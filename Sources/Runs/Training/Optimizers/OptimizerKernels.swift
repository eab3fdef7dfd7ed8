// The optimizers' options and states in the words of the kernels in Tensors.
import Tensors

extension AdamWOptions {
  func constants(learningRate: Double, step: Int) -> AdamWConstants {
    AdamWConstants(
      learningRate: learningRate, beta1: beta1, beta2: beta2, epsilon: epsilon,
      weightDecay: weightDecay, step: step)
  }
}

extension AdamWStep {
  var constants: AdamWConstants { options.constants(learningRate: learningRate, step: number) }
}

/// AdamW with both moments in 8 bits; the gradient is fp32.
/// - Parameter byOperations: takes the path of other devices, which gives the same bits.
package func stepAdamW8bit(
  _ parameter: Tensor, gradient: Tensor, mean: QuantizedBlocks, square: QuantizedBlocks,
  _ options: AdamWOptions, learningRate: Double, step: Int, byOperations: Bool = false
) {
  stepAdamW8bit(
    parameter, gradient: gradient, mean: mean.bytes, square: square.bytes,
    options.constants(learningRate: learningRate, step: step), byOperations: byOperations)
}

extension QuantizedBlocks {
  fileprivate var bytes: ByteBlocks {
    ByteBlocks(codes: codes, scales: scales, blockSize: format.blockSize)
  }

  /// [n] fp32
  package func dequantized() -> Tensor { bytes.dequantized(isSigned: format.isSigned) }
}

extension QuantizedBlocks.Format {
  /// The 256 numbers that codes stand for, ascending.
  package var codebook: Tensor { ByteBlocks.codebook(isSigned: isSigned) }
}
