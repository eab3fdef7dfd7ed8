// The rows of query and key projections. A Hugging Face checkpoint holds each head's rows in halves
// [x0, x1, ..., y0, y1, ...]; the rotary embedding here turns neighbouring rows [x0, y0, x1, y1, ...].
// Both orders are within a head, so a range of rows here needs only rows of the heads it touches.
import Layers
import Tensors
import WeightFiles

extension ParameterSpecification.RowOrder {
  /// For each of our rows in the range, the checkpoint's row; nil where the orders agree.
  func checkpointRows(for rows: Range<Int>, of rowCount: Int) -> [Int]? {
    guard case .rotaryHalves(let heads, let width) = self else { return nil }
    let headWidth = rowCount / heads
    return rows.map { row in
      let (head, inside) = row.quotientAndRemainder(dividingBy: headWidth)
      // What follows the rotated part of a head stays in its place.
      guard inside < width else { return row }
      return head * headWidth + (inside % 2) * (width / 2) + inside / 2
    }
  }

  /// Takes rows from our order to the checkpoint's.
  package func toCheckpoint(_ tensor: Tensor) -> Tensor {
    let rowCount = tensor.shape[0]
    guard let places = checkpointRows(for: 0..<rowCount, of: rowCount) else { return tensor }
    var sources = [Int64](repeating: 0, count: rowCount)
    for (row, place) in places.enumerated() { sources[place] = Int64(row) }
    return tensor.rows(Tensor(sources).to(tensor.device))
  }
}

extension WeightFile {
  /// Rows of a parameter in our order; touches only the pages of these rows.
  /// - Parameter name: of the tensor that holds the parameter, its codes or its scales.
  func rows(
    _ rows: Range<Int>, of name: String, for parameter: ParameterSpecification,
    inOrder order: ParameterSpecification.RowOrder
  ) throws -> Tensor {
    let start = parameter.part?.rows.lowerBound ?? 0
    guard let places = order.checkpointRows(for: rows, of: parameter.shape[0]),
      let first = places.min(), let last = places.max()
    else {
      return try self.rows(rows.lowerBound + start..<rows.upperBound + start, of: name)
    }
    let around = try self.rows(first + start..<last + start + 1, of: name)
    return around.rows(Tensor(places.map { Int64($0 - first) }))
  }
}
