// Linear layers whose weights are codes: the kernels of the bridge. What they compute is said in
// Quantization.
import CTorch
import Essentials

/// What kernels run with on this processor: the best it has, or what TUNE_KERNELS names.
package enum InstructionSet: Int32, Sendable, CaseIterable, CustomStringConvertible {
  case portable = 0
  case avx2 = 1
  case avx512 = 2
  case avx512VNNI = 3

  package static var chosen: InstructionSet {
    InstructionSet(rawValue: ct_instruction_set()) ?? .portable
  }
  /// Throws where TUNE_KERNELS names an instruction set that is unknown or that this processor lacks.
  package static func check() throws {
    guard ct_instruction_set() < 0 else { return }
    throw TuneError(
      .usage, String(cString: ct_last_error()),
      remedy: "Unset TUNE_KERNELS, or set it to one of these.")
  }
  /// Makes kernels use this; for tests and benchmarks. False where the processor lacks it.
  package func choose() -> Bool { ct_choose_instruction_set(rawValue) }
  package var description: String { String(cString: ct_instruction_set_name(rawValue)) }
}

/// Codes of a weight [N, K] in the layout of the integer product.
package struct WeightCodes: Sendable {
  /// uint8 [N, K / 2] up to 4 bits, code + 8, the even input in the low half; int8 as bytes [N, K]
  /// otherwise. Rows may have gaps between them.
  package let codes: Tensor
  /// fp32 [N, K / g]
  package let scales: Tensor
  package let scheme: KernelScheme

  package init(codes: Tensor, scales: Tensor, scheme: KernelScheme) {
    self.codes = codes
    self.scales = scales
    self.scheme = scheme
  }
  package static func bytesPerRow(inputs: Int, bits: Int) -> Int { bits <= 4 ? inputs / 2 : inputs }

  /// Makes the codes and scales of `weight` [N, K] in the memory of these.
  package func write(_ weight: Tensor) {
    done(ct_code_weight(weight.raw, codes.raw, scales.raw, scheme.raw), #fileID, #line)
  }
  /// [N, K]
  package func decoded(_ dtype: DType) -> Tensor {
    made(ct_decode_weight(codes.raw, scales.raw, scheme.raw, dtype.rawValue))
  }
  /// gradient [M, N] at the output to that at the input, [M, K].
  package func gradientAtInput(_ gradient: Tensor) -> Tensor {
    made(ct_gradient_at_input_of_codes(gradient.raw, codes.raw, scales.raw, scheme.raw))
  }
}

extension Tensor {
  /// self [.., K] through up to three layers: [.., N] each. The input is rounded per token once.
  /// - Parameters:
  ///   - leaves: where the gradients at the weights go; only their shapes are read.
  ///   - graphOnly: leaves out the products of a graph's outputs: zeros.
  package func linear(
    _ weights: [WeightCodes], leaves: [Tensor?], graphOnly: Bool = false,
    file: StaticString = #fileID, line: UInt = #line
  ) -> [Tensor] {
    var outputs = [ct_tensor?](repeating: nil, count: weights.count)
    done(
      ct_linear_of_codes(
        raw, weights.map { $0.codes.raw }, weights.map { $0.scales.raw }, leaves.map { $0?.raw },
        Int32(weights.count), weights[0].scheme.raw, !graphOnly, &outputs),
      file, line)
    return outputs.map { made($0) }
  }
  /// self [M, N], the gradient at a linear layer's output, to that at its input.
  package func gradientAtInput(ofWeight weight: Tensor) -> Tensor {
    made(ct_gradient_at_input(raw, weight.raw))
  }
  /// self [M, N], the gradient at a linear layer's output, to that at its weight [N, K], when its input was
  /// `x` [M, K], rounded per token if asked; added to `sum`, which is then the result.
  package func gradientAtWeight(_ x: Tensor, roundingInput: Bool, addingTo sum: Tensor?) -> Tensor {
    made(ct_gradient_at_weight(raw, x.raw, roundingInput, sum?.raw))
  }
}
