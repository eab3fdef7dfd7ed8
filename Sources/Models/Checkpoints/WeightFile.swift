// A file of named tensors, whatever its format: what a model folder reads weights from. Names are
// those of Hugging Face checkpoints; a file of another format is seen through one that renames.
import Essentials
import Tensors

/// What a file says of a tensor, before its bytes are touched.
package struct WeightClaim: Sendable {
  var shape: [Int]
  /// nil for a type that tensors here cannot have.
  var dtype: DType?
  /// The type in the file's own words.
  var type: String
}

package protocol WeightFile: AnyObject, Sendable {
  var path: String { get }
  /// In the file's order.
  var names: [String] { get }
  /// What the file says of itself.
  var metadata: [String: String] { get }
  var byteCount: Int { get }
  func claim(of name: String) -> WeightClaim?
  /// The whole tensor, over mapped memory where it lies there as it is. It is for reading.
  func tensor(named name: String) throws -> Tensor
  /// Some of the rows (the first dimension), likewise.
  func rows(_ rows: Range<Int>, of name: String) throws -> Tensor
  /// Gives back mapped memory that was read; tensors over it stay valid.
  func releasePages()
}

extension MappedFile {
  /// A tensor over the bytes of the file, which must be as many as it takes.
  func tensor(_ range: Range<Int>, _ shape: [Int], _ dtype: DType) -> Tensor {
    TensorReads.add(range.count, of: path)
    // An empty file is never mapped, and holds no tensors.
    guard let start = bytes.baseAddress.map({ $0 + range.lowerBound }), !range.isEmpty else {
      return Tensor.empty(shape, dtype)
    }
    if Int(bitPattern: start) % dtype.byteCount == 0 {
      return Tensor.over(start, shape, dtype, keeping: self)
    }
    // Writers need not align; libtorch wants its elements aligned.
    let copy = Tensor.empty(shape, dtype)
    copy.withMutableBytes {
      $0.copyMemory(from: UnsafeRawBufferPointer(start: start, count: range.count))
    }
    return copy
  }
}
