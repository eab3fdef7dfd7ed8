// A weight in the layout that the integer product reads: each row's codes and then its scales, so
// that rows are split over ranks and gathered like any others.
//
// Shapes: `N` outputs, `K` inputs, `g` group size, `R` bytes of a row.
import Tensors

package struct PackedWeight: Sendable {
  package let scheme: QuantizationScheme
  package let codes: WeightCodes
  package var shape: [Int] {
    [codes.scales.shape[0], codes.scales.shape[1] * scheme.weights.groupSize]
  }
  package var byteCount: Int { codes.codes.byteCount + codes.scales.byteCount }

  /// - Parameters:
  ///   - rows: uint8 [N, R], contiguous; their memory is used as it is.
  ///   - inputs: K
  package init(rows: Tensor, inputs: Int, scheme: QuantizationScheme) {
    self.scheme = scheme
    let bytes = WeightCodes.bytesPerRow(inputs: inputs, bits: scheme.weights.bits)
    let scales = rows.narrow(1, from: bytes, count: rows.shape[1] - bytes).viewed(as: .float32)
    codes = WeightCodes(
      codes: rows.narrow(1, from: 0, count: bytes), scales: scales, scheme: Self.kernels(scheme))
  }
  /// - Parameters:
  ///   - codes: uint8 [N, K/2], as `QuantizedWeight.packedCodes` of 4 bits; mapped memory will do.
  ///   - scales: fp32 [N, K/g]
  package init(packed codes: Tensor, scales: Tensor, scheme: QuantizationScheme) {
    self.scheme = scheme
    self.codes = WeightCodes(codes: codes, scales: scales, scheme: Self.kernels(scheme))
  }
  private static func kernels(_ scheme: QuantizationScheme) -> KernelScheme {
    guard let kernels = scheme.kernels(inputs: scheme.weights.groupSize) else {
      preconditionFailure("the integer product has no \(scheme.summary)")
    }
    return kernels
  }
  /// The same codes in this layout.
  package init(_ weight: QuantizedWeight) {
    precondition(weight.isSymmetric, "the integer product has no zero points of weights")
    let bits = weight.scheme.weights.bits
    // Two and three bits lie in four as well here.
    let bytes = bits <= 4 ? weight.codes.packedCodes(bits: 4) : weight.codes.viewed(as: .uint8)
    self.init(packed: bytes, scales: weight.scales, scheme: weight.scheme)
  }

  /// q * s in fp32, rounded to `dtype`, [N, K].
  package func dequantize(_ dtype: DType) -> Tensor { codes.decoded(dtype) }
}

extension QuantizationScheme {
  /// Whether codes are multiplied in integers there, quicker than as numbers: in fp32 and bf16 alike.
  package func hasIntegerProduct(on device: Device) -> Bool {
    productKernels(on: device) != nil
  }
  /// R: bytes of a coded row with so many inputs.
  package func codedRowBytes(inputs: Int) -> Int {
    WeightCodes.bytesPerRow(inputs: inputs, bits: weights.bits) + inputs / weights.groupSize * 4
  }
  /// `quantize` into the layout of the integer product.
  /// - Parameter weight: [N, K] fp32 or bf16 on the CPU.
  package func code(_ weight: Tensor) -> PackedWeight {
    let (outputs, inputs) = (weight.shape[0], weight.shape[1])
    let rows = Tensor.empty([outputs, codedRowBytes(inputs: inputs)], .uint8)
    let coded = PackedWeight(rows: rows, inputs: inputs, scheme: self)
    coded.codes.write(weight)
    return coded
  }
}
