// The quantization kernels of the bridge. What they compute is said in Quantization, which is
// their only caller.
import CTorch

/// What the kernels are told of a quantization scheme.
package struct KernelScheme: Sendable, Hashable {
  package let weightBits: Int
  package let groupSize: Int
  package let scale: Scale
  /// Symmetric codes without the lowest one, the largest magnitude at the last of them.
  package let isFullRange: Bool
  /// Whether inputs are rounded to int8, each token on its own.
  package let roundsInputs: Bool

  /// How a scale is rounded.
  package enum Scale: Int32, Sendable {
    case float32 = 0
    case bfloat16 = 1
    case float16 = 2
    case portable = 3
  }

  package init(
    weightBits: Int, groupSize: Int, scale: Scale, isFullRange: Bool, roundsInputs: Bool
  ) {
    self.weightBits = weightBits
    self.groupSize = groupSize
    self.scale = scale
    self.isFullRange = isFullRange
    self.roundsInputs = roundsInputs
  }

  package enum Kernel: Int32, Sendable {
    case weightRounding = 0
    case inputRounding = 1
    case integerProduct = 2
  }
  /// Whether there is such a kernel, and it is worth its while on this processor.
  package func has(_ kernel: Kernel, _ dtype: DType, on device: Device) -> Bool {
    ct_has_kernel(kernel.rawValue, raw, device.index, dtype.rawValue)
  }

  var raw: ct_scheme {
    ct_scheme(
      weight_bits: Int32(weightBits), scale: scale.rawValue, group: Int64(groupSize),
      is_full_range: isFullRange, rounds_inputs: roundsInputs)
  }
}

/// By kernels: for tensors that have one.
extension Tensor {
  package func quantizedPerToken() -> (codes: Tensor, scale: Tensor, zeroPoint: Tensor) {
    var (q, s, z): (ct_tensor?, ct_tensor?, ct_tensor?)
    done(ct_quantize_input(raw, &q, &s, &z), #fileID, #line)
    return (made(q), made(s), made(z))
  }
  package func fakeQuantizedPerToken() -> Tensor { made(ct_fake_quantize_input(raw)) }
  package func quantizedPerGroup(_ scheme: KernelScheme) -> (codes: Tensor, scales: Tensor) {
    var (q, s): (ct_tensor?, ct_tensor?)
    done(ct_quantize_weight(raw, scheme.raw, &q, &s), #fileID, #line)
    return (made(q), made(s))
  }
  package func fakeQuantizedPerGroup(_ scheme: KernelScheme) -> Tensor {
    made(ct_fake_quantize_weight(raw, scheme.raw))
  }
  package func dequantizedPerGroup(_ scales: Tensor, _ scheme: KernelScheme, _ dtype: DType)
    -> Tensor
  {
    made(ct_dequantize_weight(raw, scales.raw, scheme.raw, dtype.rawValue))
  }
}

/// On every device.
extension Tensor {
  /// `value`, made of self without a graph; its gradient passes to self as it is.
  package func straightThrough(_ value: Tensor) -> Tensor {
    made(ct_straight_through(raw, value.raw))
  }

  /// self [.., K] times `rounding(weight)` [N, K] transposed; the gradient passes straight through the
  /// rounding. The graph keeps self and the weight and rounds again.
  /// - Parameter graphOnly: where only the graph is wanted: zeros.
  package func linear(
    _ weight: Tensor, graphOnly: Bool, file: StaticString = #fileID, line: UInt = #line,
    rounding: @escaping @Sendable (Tensor) -> Tensor
  ) -> Tensor {
    let context = Unmanaged.passRetained(Rounding(call: rounding)).toOpaque()
    let bridged = ct_rounding(
      context: context,
      call: { context, weight in
        let rounding = Unmanaged<Rounding>.fromOpaque(context!).takeUnretainedValue()
        let rounded = rounding.call(made(ct_detach(weight)))
        return ct_detach(rounded.raw)  // a reference of the caller's own
      },
      release: { Unmanaged<Rounding>.fromOpaque($0!).release() })
    return made(ct_linear_rounding_weight(raw, weight.raw, bridged, !graphOnly), file, line)
  }

  package func packedCodes(bits: Int) -> Tensor { made(ct_pack_codes(raw, Int32(bits))) }
  package func unpackedCodes(bits: Int, columns: Int) -> Tensor {
    made(ct_unpack_codes(raw, Int32(bits), Int64(columns)))
  }
  package func stochasticallyRoundedToBFloat16(seed: UInt64) -> Tensor {
    made(ct_round_stochastically_to_bfloat16(raw, seed))
  }
}

private final class Rounding: Sendable {
  let call: @Sendable (Tensor) -> Tensor
  init(call: @escaping @Sendable (Tensor) -> Tensor) { self.call = call }
}
