// The optimizer kernels of the bridge. A tensor is always a parameter here: that keeps it alive
// during the call, which a temporary whose handle alone is passed on would not be.
import CTorch
import Tensors

extension AdamWOptions {
  fileprivate func bridged(_ learningRate: Double, _ step: Int) -> ct_adamw_options {
    ct_adamw_options(
      learning_rate: learningRate, beta1: beta1, beta2: beta2, epsilon: epsilon,
      weight_decay: weightDecay, step: Int64(step))
  }
}

/// AdamW computed in fp32 and rounded back to each tensor's own dtype.
func stepAdamWInFloat32(
  _ parameter: Tensor, gradient: Tensor, _ moments: MomentPair, _ step: AdamWStep
) {
  done(
    ct_adamw_in_float32_(
      parameter.raw, gradient.raw, moments.mean.raw, moments.square.raw,
      step.options.bridged(step.learningRate, step.number)))
}

/// AdamW with both moments in 8 bits; the gradient is fp32.
/// - Parameter byOperations: takes the path of other devices, which gives the same bits.
package func stepAdamW8bit(
  _ parameter: Tensor, gradient: Tensor, mean: QuantizedBlocks, square: QuantizedBlocks,
  _ options: AdamWOptions, learningRate: Double, step: Int, byOperations: Bool = false
) {
  let kernel = byOperations ? ct_adamw_8bit_by_ops_ : ct_adamw_8bit_
  done(
    kernel(
      parameter.raw, gradient.raw, mean.codes.raw, mean.scales.raw, square.codes.raw,
      square.scales.raw, Int64(mean.format.blockSize), options.bridged(learningRate, step)))
}

/// torch's fused SGD on fp32 tensors; `isFirst` fills the buffer.
func stepFusedSGD(
  _ parameter: Tensor, gradient: Tensor, buffer: Tensor?, _ options: SGDOptions,
  learningRate: Double, isFirst: Bool
) {
  done(
    ct_fused_sgd_(
      parameter.raw, gradient.raw, buffer?.raw, learningRate, options.momentum, options.dampening,
      options.weightDecay, options.nesterov, isFirst))
}

extension QuantizedBlocks.Format {
  /// The 256 numbers that codes stand for, ascending.
  package var codebook: Tensor { made(ct_codebook(isSigned)) }
}

extension Tensor {
  func quantizedInBlocks(_ format: QuantizedBlocks.Format) -> (codes: Tensor, scales: Tensor) {
    var scales: ct_tensor?
    let codes = ct_quantize_blocks(raw, Int64(format.blockSize), format.isSigned, &scales)
    return (made(codes), made(scales))
  }
  func dequantizedInBlocks(_ scales: Tensor, _ format: QuantizedBlocks.Format) -> Tensor {
    made(ct_dequantize_blocks(raw, scales.raw, Int64(format.blockSize), format.isSigned))
  }
  /// Multiplies by a factor in fp32 and rounds once. libtorch's scalar product would round the
  /// factor to the tensor's dtype before; a factor in a tensor of its own keeps its digits.
  func scaleInPlace(_ factor: Double) { multiplyInPlace(.full([], factor, .float64)) }
  /// In fp64, the same for any number of threads.
  var sumOfSquares: Double { ct_sum_of_squares(raw) }
}

// A failure of these calls is a mistake of ours.
private func made(_ raw: ct_tensor?) -> Tensor {
  guard let raw else { preconditionFailure(lastTorchError()) }
  return Tensor(owning: raw)
}
private func done(_ succeeded: Bool) {
  if !succeeded { preconditionFailure(lastTorchError()) }
}
