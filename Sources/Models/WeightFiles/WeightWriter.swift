// What writes a file of tensors that come one at a time, whatever its format.
import Tensors

/// A tensor that is going to be written.
package struct TensorDeclaration: Sendable {
  package var name: String
  package var dtype: DType
  package var shape: [Int]
  package init(_ name: String, _ dtype: DType, _ shape: [Int]) {
    self.name = name
    self.dtype = dtype
    self.shape = shape
  }
  package var byteCount: Int { shape.reduce(dtype.byteCount, *) }
}

package protocol WeightWriter: AnyObject {
  /// Of the whole file.
  var byteCount: Int { get }
  /// Each declared tensor comes once, in any order.
  func write(_ tensor: Tensor, to name: String) throws
  /// Syncs the file and gives it its name.
  func finish() throws
}
