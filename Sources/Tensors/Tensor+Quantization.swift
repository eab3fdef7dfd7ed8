// The quantization kernels of the bridge. What they compute is said in Quantization, which is
// their only caller.
import CTorch

extension Tensor {
  package func quantizedPerToken() -> (codes: Tensor, scale: Tensor, zeroPoint: Tensor) {
    var (q, s, z): (ct_tensor?, ct_tensor?, ct_tensor?)
    done(ct_quantize_per_token(raw, &q, &s, &z), #fileID, #line)
    return (made(q), made(s), made(z))
  }
  package func fakeQuantizedPerToken() -> Tensor {
    made(ct_fake_quantize_per_token_straight_through(raw))
  }
  package func quantizedPerGroup(bits: Int, groupSize: Int, scaleDType: DType) -> (
    codes: Tensor, scales: Tensor
  ) {
    var (q, s): (ct_tensor?, ct_tensor?)
    done(
      ct_quantize_per_group(raw, Int32(bits), Int64(groupSize), scaleDType.rawValue, &q, &s),
      #fileID, #line)
    return (made(q), made(s))
  }
  package func fakeQuantizedPerGroup(bits: Int, groupSize: Int, scaleDType: DType) -> Tensor {
    made(ct_fake_quantize_per_group(raw, Int32(bits), Int64(groupSize), scaleDType.rawValue))
  }
  package func dequantizedPerGroup(_ scales: Tensor, groupSize: Int, _ dtype: DType) -> Tensor {
    made(ct_dequantize_per_group(raw, scales.raw, Int64(groupSize), dtype.rawValue))
  }
  package func linearFakeQuantizingWeight(
    _ weight: Tensor, bits: Int, groupSize: Int, scaleDType: DType, valueIsRead: Bool
  ) -> Tensor {
    made(
      ct_linear_fake_quantized_weight(
        raw, weight.raw, Int32(bits), Int64(groupSize), scaleDType.rawValue, valueIsRead))
  }
  package func packedCodes(bits: Int) -> Tensor { made(ct_pack_codes(raw, Int32(bits))) }
  package func unpackedCodes(bits: Int, columns: Int) -> Tensor {
    made(ct_unpack_codes(raw, Int32(bits), Int64(columns)))
  }
  package func stochasticallyRoundedToBFloat16(seed: UInt64) -> Tensor {
    made(ct_round_stochastically_to_bfloat16(raw, seed))
  }
}

/// The same formulas as sequences of libtorch operations: the path of other devices, and what the
/// fused CPU kernels are tested against.
package enum QuantizationByOperations {
  package static func quantizePerToken(_ x: Tensor) -> (
    codes: Tensor, scale: Tensor, zeroPoint: Tensor
  ) {
    var (q, s, z): (ct_tensor?, ct_tensor?, ct_tensor?)
    done(ct_quantize_per_token_by_ops(x.raw, &q, &s, &z), #fileID, #line)
    return (made(q), made(s), made(z))
  }
  package static func fakeQuantizePerToken(_ x: Tensor) -> Tensor {
    made(ct_fake_quantize_per_token_by_ops(x.raw))
  }
  package static func quantizePerGroup(_ w: Tensor, bits: Int, groupSize: Int, scaleDType: DType)
    -> (codes: Tensor, scales: Tensor)
  {
    var (q, s): (ct_tensor?, ct_tensor?)
    done(
      ct_quantize_per_group_by_ops(
        w.raw, Int32(bits), Int64(groupSize), scaleDType.rawValue, &q, &s), #fileID, #line)
    return (made(q), made(s))
  }
  package static func fakeQuantizePerGroup(
    _ w: Tensor, bits: Int, groupSize: Int, scaleDType: DType
  ) -> Tensor {
    made(
      ct_fake_quantize_per_group_by_ops(
        w.raw, Int32(bits), Int64(groupSize), scaleDType.rawValue))
  }
}
