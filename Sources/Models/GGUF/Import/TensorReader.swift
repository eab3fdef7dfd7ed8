// A planned tensor's weights, a part at a time: dequantized, its rows in the folder's order.
import Essentials

struct TensorReader {
  let plan: PlannedTensor
  let model: GGUFModel
  private let tensor: GGUFFile.Tensor
  private let bytes: UnsafeRawBufferPointer

  /// Weights that are read at once, unless a row is longer.
  private static let chunk = 1 << 20

  /// - Parameter plan: a tensor that the model is known to have.
  init(_ plan: PlannedTensor, _ model: GGUFModel) {
    guard let tensor = model[plan.source], let bytes = model.bytes(of: plan.source) else {
      preconditionFailure("tensor '\(plan.source)' was planned and is not there")
    }
    (self.plan, self.model, self.tensor, self.bytes) = (plan, model, tensor, bytes)
  }

  /// Calls `body` with each part in order, and with the number of weights before it.
  func forEachPart(_ body: (UnsafeBufferPointer<Float>, Int) throws -> Void) throws {
    let rowWidth = plan.shape.last ?? 1
    let isVector = plan.shape.count == 1
    let count = isVector ? 1 : tensor.elementCount / rowWidth
    // A vector is one row; one whose elements move is read element by element.
    let moves = plan.interleavedHeads != nil
    let width = isVector && moves ? 1 : rowWidth
    let rows = isVector && moves ? rowWidth : count
    let atOnce = max(1, Self.chunk / width)
    let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: min(rows, atOnce) * width)
    defer { buffer.deallocate() }
    var row = 0
    while row < rows {
      let part = row..<min(rows, row + atOnce)
      if moves {
        for (place, row) in part.enumerated() {
          read(plan.sourceRow(of: row), 1, width, into: buffer, at: place * width)
        }
      } else {
        read(part.lowerBound, part.count, width, into: buffer, at: 0)
      }
      let weights = UnsafeMutableBufferPointer(rebasing: buffer[..<(part.count * width)])
      if plan.subtractsOne { for i in weights.indices { weights[i] -= 1 } }
      try body(UnsafeBufferPointer(weights), part.lowerBound * width)
      row = part.upperBound
    }
  }

  private func read(
    _ row: Int, _ rows: Int, _ width: Int, into buffer: UnsafeMutableBufferPointer<Float>,
    at place: Int
  ) {
    let (size, blockBytes) = (tensor.type.blockSize, tensor.type.blockByteCount)
    let start = row * width / size * blockBytes
    let part = UnsafeRawBufferPointer(
      rebasing: bytes[start..<start + rows * width / size * blockBytes])
    Dequantization.dequantize(
      part, tensor.type,
      into: UnsafeMutableBufferPointer(rebasing: buffer[place..<place + rows * width]))
  }
}
