// Conversions and views. A view shares its storage with the tensor it was made from.
import CTorch

extension Tensor {
  package func to(_ dtype: DType) -> Tensor {
    dtype == self.dtype ? self : made(ct_to(raw, dtype.rawValue, -2, false))
  }
  package func to(_ device: Device, nonBlocking: Bool = false) -> Tensor {
    device == self.device ? self : made(ct_to(raw, -1, device.index, nonBlocking))
  }
  package func clone() -> Tensor { made(ct_clone(raw)) }
  package func contiguous() -> Tensor { isContiguous ? self : made(ct_contiguous(raw)) }
  package func detach() -> Tensor { made(ct_detach(raw)) }
  /// The same storage with a version counter of its own: a saved graph does not see writes to it.
  package func unversioned() -> Tensor { made(ct_unversioned(raw)) }
  /// A leaf over the same storage whose gradient can be asked for.
  package func leaf() -> Tensor {
    let t = detach()
    done(ct_set_requires_grad(t.raw, true), #fileID, #line)
    return t
  }

  package func reshape(_ shape: [Int], file: StaticString = #fileID, line: UInt = #line) -> Tensor {
    made(ct_reshape(raw, sizes(shape), Int32(shape.count)), file, line)
  }
  package func reshape(_ shape: Int..., file: StaticString = #fileID, line: UInt = #line) -> Tensor
  {
    reshape(shape, file: file, line: line)
  }
  /// The same bytes read as another dtype.
  package func viewed(as dtype: DType) -> Tensor { made(ct_view_as_dtype(raw, dtype.rawValue)) }
  package func transpose(_ a: Int, _ b: Int, file: StaticString = #fileID, line: UInt = #line)
    -> Tensor
  {
    made(ct_transpose(raw, Int64(a), Int64(b)), file, line)
  }
  package func narrow(
    _ dim: Int, from start: Int, count: Int, file: StaticString = #fileID, line: UInt = #line
  ) -> Tensor {
    made(ct_narrow(raw, Int64(dim), Int64(start), Int64(count)), file, line)
  }
  package func select(
    _ dim: Int, _ index: Int, file: StaticString = #fileID, line: UInt = #line
  ) -> Tensor {
    made(ct_select(raw, Int64(dim), Int64(index)), file, line)
  }
  package func unsqueeze(_ dim: Int) -> Tensor { made(ct_unsqueeze(raw, Int64(dim))) }
  package func squeeze(_ dim: Int) -> Tensor { made(ct_squeeze(raw, Int64(dim))) }
  package func expand(_ shape: Int..., file: StaticString = #fileID, line: UInt = #line) -> Tensor {
    made(ct_expand(raw, sizes(shape), Int32(shape.count)), file, line)
  }
  package func flatten(_ first: Int, _ last: Int) -> Tensor {
    made(ct_flatten(raw, Int64(first), Int64(last)))
  }
  package static func cat(
    _ tensors: [Tensor], along dim: Int, file: StaticString = #fileID, line: UInt = #line
  ) -> Tensor {
    made(ct_cat(tensors.map(\.raw), Int32(tensors.count), Int64(dim)), file, line)
  }
  package static func stack(
    _ tensors: [Tensor], along dim: Int, file: StaticString = #fileID, line: UInt = #line
  ) -> Tensor {
    made(ct_stack(tensors.map(\.raw), Int32(tensors.count), Int64(dim)), file, line)
  }
}

extension Tensor {
  // Writes into shared storage.
  package func copy(
    from other: Tensor, nonBlocking: Bool = false, file: StaticString = #fileID, line: UInt = #line
  ) {
    done(ct_copy_(raw, other.raw, nonBlocking), file, line)
  }
  package func fill(_ value: Double) { done(ct_fill_(raw, value), #fileID, #line) }
  package func addInPlace(
    _ other: Tensor, times factor: Double = 1, file: StaticString = #fileID, line: UInt = #line
  ) {
    done(ct_add_(raw, other.raw, factor), file, line)
  }
  package func multiplyInPlace(_ factor: Double) { done(ct_mul_(raw, factor), #fileID, #line) }
  package func multiplyInPlace(_ other: Tensor) {
    done(ct_mul_tensor_(raw, other.raw), #fileID, #line)
  }
  /// self += weight (other - self)
  package func lerpInPlace(_ other: Tensor, weight: Double) {
    done(ct_lerp_(raw, other.raw, weight), #fileID, #line)
  }
  /// self += factor a b
  package func addProductInPlace(_ a: Tensor, _ b: Tensor, times factor: Double) {
    done(ct_addcmul_(raw, a.raw, b.raw, factor), #fileID, #line)
  }
  /// self += factor a / b
  package func addQuotientInPlace(_ a: Tensor, over b: Tensor, times factor: Double) {
    done(ct_addcdiv_(raw, a.raw, b.raw, factor), #fileID, #line)
  }
  package func indexAddInPlace(_ dim: Int, _ index: Tensor, _ source: Tensor) {
    done(ct_index_add_(raw, Int64(dim), index.raw, source.raw), #fileID, #line)
  }

  /// Bytes of the storage under this tensor and its views.
  package var storageByteCount: Int { Int(ct_storage_bytes(raw)) }
  /// Frees or remakes the storage under this tensor and its views; what it held is lost.
  package func resizeStorage(bytes: Int) {
    done(ct_storage_resize(raw, Int64(bytes)), #fileID, #line)
  }
}
