// The bytes of tensors as they lie in a safetensors file, also of types that tensors here cannot have:
// for whoever knows what a container's bytes mean.
import Essentials
import Tensors

extension SafetensorsFile {
  /// As the file names it: `U32`, `BF16`.
  package func type(of name: String) -> String? { entry(name)?.type }

  /// Some of the rows (the first dimension; of a scalar the only one) as uint8 [rows, bytes of a row],
  /// over mapped memory.
  /// - Parameter rows: nil for all.
  package func bytes(of name: String, rows: Range<Int>? = nil) throws -> Tensor {
    guard let entry = entry(name) else {
      throw TuneError(
        .checkpointMismatch, "the file has no tensor '\(name)'", at: .init(file: path))
    }
    let count = entry.shape.first ?? 1
    let rows = rows ?? 0..<count
    precondition(rows.lowerBound >= 0 && rows.upperBound <= count, "rows beyond '\(name)'")
    let rowBytes = count == 0 ? 0 : entry.bytes.count / count
    let start = entry.bytes.lowerBound + rows.lowerBound * rowBytes
    let bytes = mapped.tensor(
      start..<start + rows.count * rowBytes, [rows.count, rowBytes], .uint8)
    // Whoever views them as numbers wants these aligned.
    return start % 8 == 0 ? bytes : bytes.clone()
  }
}
