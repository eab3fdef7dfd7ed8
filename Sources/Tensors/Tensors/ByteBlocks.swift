// Numbers in 8 bits by a codebook, as 8-bit optimizers keep their state; the kernels are the bridge's.
import CTorch

/// Numbers in 8 bits, a scale a block.
package struct ByteBlocks: Sendable {
  package var codes: Tensor
  package var scales: Tensor
  package var blockSize: Int

  package init(codes: Tensor, scales: Tensor, blockSize: Int) {
    self.codes = codes
    self.scales = scales
    self.blockSize = blockSize
  }

  /// The 256 numbers that codes stand for, ascending.
  package static func codebook(isSigned: Bool) -> Tensor { made(ct_codebook(isSigned)) }

  /// - Parameter numbers: fp32.
  package init(quantizing numbers: Tensor, blockSize: Int, isSigned: Bool) {
    var scales: ct_tensor?
    let codes = ct_quantize_blocks(numbers.raw, Int64(blockSize), isSigned, &scales)
    self.init(codes: made(codes), scales: made(scales), blockSize: blockSize)
  }

  package func dequantized(isSigned: Bool) -> Tensor {
    made(ct_dequantize_blocks(codes.raw, scales.raw, Int64(blockSize), isSigned))
  }
}
