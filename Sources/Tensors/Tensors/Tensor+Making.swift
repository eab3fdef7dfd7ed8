// Making tensors, from numbers, memory or seeded randomness, and reading values back.
import CTorch

extension Tensor {
  package static func empty(_ shape: [Int], _ dtype: DType = .float32, on device: Device = .cpu)
    -> Tensor
  {
    made(ct_empty(sizes(shape), Int32(shape.count), dtype.rawValue, device.index))
  }
  package static func full(
    _ shape: [Int], _ value: Double, _ dtype: DType = .float32, on device: Device = .cpu
  ) -> Tensor {
    made(ct_full(sizes(shape), Int32(shape.count), value, dtype.rawValue, device.index))
  }
  package static func zeros(_ shape: [Int], _ dtype: DType = .float32, on device: Device = .cpu)
    -> Tensor
  {
    full(shape, 0, dtype, on: device)
  }
  package static func ones(_ shape: [Int], _ dtype: DType = .float32, on device: Device = .cpu)
    -> Tensor
  {
    full(shape, 1, dtype, on: device)
  }
  /// 0, 1, ... count - 1.
  package static func arange(_ count: Int, _ dtype: DType = .float32, on device: Device = .cpu)
    -> Tensor
  {
    made(ct_arange(Int64(count), dtype.rawValue, device.index))
  }

  package init(_ values: [Float], _ shape: [Int]? = nil) {
    self = Tensor.copying(values, shape ?? [values.count], .float32)
  }
  package init(_ values: [Int64], _ shape: [Int]? = nil) {
    self = Tensor.copying(values, shape ?? [values.count], .int64)
  }
  package init(_ values: [Int32], _ shape: [Int]? = nil) {
    self = Tensor.copying(values, shape ?? [values.count], .int32)
  }
  private static func copying<T>(_ values: [T], _ shape: [Int], _ dtype: DType) -> Tensor {
    let result = Tensor.empty(shape, dtype)
    precondition(result.count == values.count, "\(values.count) values for the shape \(shape)")
    values.withUnsafeBytes { bytes in
      result.withMutableBytes { $0.copyMemory(from: bytes) }
    }
    return result
  }

  /// A tensor over memory that `owner` keeps alive; nothing is copied.
  package static func over(
    _ memory: UnsafeMutableRawPointer, _ shape: [Int], _ dtype: DType, keeping owner: AnyObject
  ) -> Tensor {
    let context = Unmanaged.passRetained(owner).toOpaque()
    return made(
      ct_over_memory(
        memory, sizes(shape), Int32(shape.count), dtype.rawValue,
        { Unmanaged<AnyObject>.fromOpaque($0!).release() }, context))
  }
}

/// Seeded randomness on the CPU, libtorch's mt19937.
package final class RandomGenerator: @unchecked Sendable {
  let raw: ct_generator
  package init(seed: UInt64) {
    guard let raw = ct_generator_new(seed) else { TorchFailure.end(#fileID, #line) }
    self.raw = raw
  }
  deinit { ct_generator_free(raw) }

  package func normal(
    _ shape: [Int], mean: Double = 0, standardDeviation: Double = 1, _ dtype: DType = .float32
  ) -> Tensor {
    made(
      ct_normal(sizes(shape), Int32(shape.count), mean, standardDeviation, dtype.rawValue, raw))
  }
  package func uniform(_ shape: [Int], in range: ClosedRange<Double>, _ dtype: DType = .float32)
    -> Tensor
  {
    made(
      ct_uniform(
        sizes(shape), Int32(shape.count), range.lowerBound, range.upperBound, dtype.rawValue, raw))
  }
  package func integers(_ shape: [Int], in range: Range<Int>) -> Tensor {
    made(
      ct_randint(
        sizes(shape), Int32(shape.count), Int64(range.lowerBound), Int64(range.upperBound), raw))
  }
  /// Indices drawn without replacement with the given probabilities, a row at a time.
  package func multinomial(_ probabilities: Tensor, samples: Int) -> Tensor {
    made(ct_multinomial(probabilities.raw, Int64(samples), raw))
  }
}

extension Tensor {
  /// The bytes of a contiguous CPU tensor.
  package func withMutableBytes<R>(_ body: (UnsafeMutableRawBufferPointer) throws -> R) rethrows
    -> R
  {
    precondition(device == .cpu && isContiguous, "bytes of a tensor that is not plain memory")
    return try body(
      UnsafeMutableRawBufferPointer(start: count == 0 ? nil : ct_data(raw), count: byteCount))
  }
  package func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    try withMutableBytes { try body(UnsafeRawBufferPointer($0)) }
  }
  package var floats: [Float] { values(as: .float32) }
  package var int64s: [Int64] { values(as: .int64) }
  private func values<T>(as dtype: DType) -> [T] {
    to(dtype).to(.cpu).contiguous().withBytes { Array($0.bindMemory(to: T.self)) }
  }
  /// The one element of a tensor.
  package var item: Double {
    var value = 0.0
    done(ct_item(raw, &value), #fileID, #line)
    return value
  }
  package var itemInt: Int {
    var value: Int64 = 0
    done(ct_item_int(raw, &value), #fileID, #line)
    return Int(value)
  }
  /// Same shape, same dtype, same values (NaN differs from itself).
  package func isEqual(to other: Tensor) -> Bool {
    guard shape == other.shape, dtype == other.dtype else { return false }
    var isEqual = false
    done(ct_equal(raw, other.raw, &isEqual), #fileID, #line)
    return isEqual
  }
  package func largestDifference(from other: Tensor) -> Double {
    count == 0 ? 0 : (to(.float64) - other.to(.float64)).abs().amax().item
  }
}
