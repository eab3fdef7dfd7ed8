// AdamW whose moments are kept in 8 bits (torchao.optim.AdamW8bit): a code for each element and a
// scale for each block, a quarter of fp32 state. A step is computed in fp32 on numbers read from
// the codes, and the parameter is rounded back to its dtype.
import Sharding
import Tensors

package final class AdamW8bit: Optimizer {
  /// Tensors with fewer elements, such as norms, keep moments in the parameter's dtype.
  package static let leastQuantizedCount = 4096

  private enum PieceMoments {
    case plain(AdamMoments)
    case quantized(mean: QuantizedBlocks, square: QuantizedBlocks)
  }
  private let options: AdamWOptions
  private let blockSize: Int
  /// By unit, one for each of its pieces: a block never holds elements of two parameters.
  private var units: [Int: [PieceMoments]] = [:]

  package init(_ options: AdamWOptions = AdamWOptions(), blockSize: Int = 256) {
    precondition(blockSize > 0, "blocks of \(blockSize) elements")
    self.options = options
    self.blockSize = blockSize
  }

  package func update(
    unit: Int, _ parameter: Shard, gradient: Tensor, learningRate: Double, step: Int
  ) {
    let moments = units[unit] ?? parameter.layout.pieces.map { zeros($0, like: parameter.flat) }
    units[unit] = moments
    let gradient = gradient.to(.float32)
    for (piece, moments) in zip(parameter.layout.pieces, moments) where piece.count > 0 {
      let p = parameter.flat.narrow(0, from: piece.offset, count: piece.count)
      let g = gradient.narrow(0, from: piece.offset, count: piece.count)
      switch moments {
      case .plain(let plain):
        stepAdamWInFloat32(
          p, gradient: g, plain, options, learningRate: learningRate, step: step)
      case .quantized(let mean, let square):
        stepAdamW8bit(
          p, gradient: g, mean: mean, square: square, options, learningRate: learningRate,
          step: step)
      }
    }
  }

  /// Decided by the padded size, so that all ranks decide alike.
  private func isQuantized(_ piece: ShardLayout.Piece) -> Bool {
    piece.count >= AdamW8bit.leastQuantizedCount && piece.count % blockSize == 0
  }
  private func format(isSigned: Bool) -> QuantizedBlocks.Format {
    QuantizedBlocks.Format(blockSize: blockSize, isSigned: isSigned)
  }
  private func zeros(_ piece: ShardLayout.Piece, like flat: Tensor) -> PieceMoments {
    guard isQuantized(piece) else {
      return .plain(AdamMoments(zeros: piece.count, flat.dtype, on: flat.device))
    }
    return .quantized(
      mean: QuantizedBlocks(zeros: piece.count, format(isSigned: true), on: flat.device),
      square: QuantizedBlocks(zeros: piece.count, format(isSigned: false), on: flat.device))
  }

  package func stateNames(for dtype: DType) -> [String] { AdamMoments.names }
  package func state(unit: Int, like parameter: Shard) -> [String: OptimizerState] {
    guard let moments = units[unit] else { return [:] }
    let pairs: [(OptimizerStatePiece, OptimizerStatePiece)] = moments.map {
      switch $0 {
      case .plain(let plain): (.elements(plain.mean), .elements(plain.square))
      case .quantized(let mean, let square): (.blocks(mean), .blocks(square))
      }
    }
    return [
      AdamMoments.names[0]: .pieces(pairs.map(\.0)), AdamMoments.names[1]: .pieces(pairs.map(\.1)),
    ]
  }

  package func restore(unit: Int, like parameter: Shard, _ state: [String: OptimizerState]) throws {
    let saved = try SavedOptimizerState(
      state, names: AdamMoments.names, of: "AdamW8bit", for: parameter)
    guard !saved.isEmpty else {
      units[unit] = nil
      return
    }
    let flat = parameter.flat
    let (means, squares) = (
      saved.pieces(AdamMoments.names[0]), saved.pieces(AdamMoments.names[1])
    )
    units[unit] = parameter.layout.pieces.indices.map { index in
      let fresh = zeros(parameter.layout.pieces[index], like: flat)
      switch fresh {
      case .plain(let plain):
        plain.mean.copy(from: means[index].elements)
        plain.square.copy(from: squares[index].elements)
      case .quantized(let mean, let square):
        mean.copy(from: means[index])
        square.copy(from: squares[index])
      }
      return fresh
    }
  }
}

extension QuantizedBlocks {
  /// Blocks of the same format as they are, others by way of fp32.
  fileprivate func copy(from saved: OptimizerStatePiece) {
    let source: QuantizedBlocks
    if case .blocks(let blocks) = saved, blocks.format == format {
      source = blocks
    } else {
      source = QuantizedBlocks(saved.elements, format)
    }
    codes.copy(from: source.codes.reshape(-1))
    scales.copy(from: source.scales)
  }
}
