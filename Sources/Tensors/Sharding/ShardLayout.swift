// Shard arithmetic. The parameters of a unit (a block, the embedding, the head) are split by rows
// of their first dimension, the same number for each rank, the last rank's padded; a rank's pieces
// lie one after the other in one flat buffer, which is what a collective moves.
import Tensors

package struct ShardLayout: Sendable, Equatable {
  package struct Piece: Sendable, Equatable {
    package let shape: [Int]
    /// Rows of each rank, padding included.
    package let rows: Int
    /// Elements of a row.
    package let rowSize: Int
    /// Where the piece begins in a rank's flat buffer.
    package let offset: Int
    package var count: Int { rows * rowSize }
    /// The true rows that `rank` owns.
    package func ownedRows(rank: Int) -> Range<Int> {
      let start = min(rank * rows, shape[0])
      return start..<min(start + rows, shape[0])
    }
  }
  package let worldSize: Int
  package let pieces: [Piece]
  /// Elements of a rank's flat buffer.
  package let count: Int

  /// - Parameter alignment: every piece begins at a multiple of so many elements.
  package init(_ shapes: [[Int]], worldSize: Int, alignment: Int = 1) {
    var offset = 0
    pieces = shapes.map { shape in
      offset = (offset + alignment - 1) / alignment * alignment
      let rows = (shape[0] + worldSize - 1) / worldSize
      let piece = Piece(
        shape: shape, rows: rows, rowSize: shape.dropFirst().reduce(1, *), offset: offset)
      offset += piece.count
      return piece
    }
    self.worldSize = worldSize
    count = offset
  }

  /// This rank's rows of each piece as views of its flat buffer, padding left out.
  package func shards(of flat: Tensor, rank: Int) -> [Tensor] {
    pieces.map { piece in
      let rows = piece.ownedRows(rank: rank)
      return flat.narrow(0, from: piece.offset, count: rows.count * piece.rowSize)
        .reshape([rows.count] + piece.shape.dropFirst())
    }
  }

  /// The whole parameters out of the ranks' flat buffers, one after the other in `gathered`
  /// [world * count]: views for one rank, copies otherwise.
  package func wholes(of gathered: Tensor) -> [Tensor] {
    let ranks = gathered.reshape(worldSize, count)
    return pieces.map { piece in
      ranks.narrow(1, from: piece.offset, count: piece.count).contiguous()
        .reshape([worldSize * piece.rows] + piece.shape.dropFirst())
        .narrow(0, from: 0, count: piece.shape[0])
    }
  }

  /// The inverse: whole gradients into the ranks' flat buffers [world * count], padding zero.
  package func scatterOrder(_ wholes: [Tensor]) -> Tensor {
    let first = wholes[0]
    let buffer = Tensor.empty([worldSize, count], first.dtype, on: first.device)
    for (piece, whole) in zip(pieces, wholes) {
      let target = buffer.narrow(1, from: piece.offset, count: piece.count)
      let flat = whole.reshape(-1)
      if flat.count == worldSize * piece.count {
        target.copy(from: flat.reshape(worldSize, piece.count))
        continue
      }
      target.fill(0)
      for rank in 0..<worldSize {
        let rows = piece.ownedRows(rank: rank)
        guard !rows.isEmpty else { continue }
        target.select(0, rank).narrow(0, from: 0, count: rows.count * piece.rowSize).copy(
          from: flat.narrow(
            0, from: rows.lowerBound * piece.rowSize, count: rows.count * piece.rowSize))
      }
    }
    return buffer.reshape(-1)
  }
}

/// This rank's part of some of one unit's parameters, in one dtype, at one place. It cannot be
/// multiplied: only a `WeightPager` makes whole weights of it.
package struct Shard: Sendable {
  package let layout: ShardLayout
  package let rank: Int
  /// [layout.count]
  package let flat: Tensor
  package let placement: ShardPlacement

  package init(layout: ShardLayout, rank: Int, flat: Tensor, placement: ShardPlacement = .device) {
    self.layout = layout
    self.rank = rank
    self.flat = flat
    self.placement = placement
  }
  /// Whether it is of no parameter at all, on any rank.
  package var isEmpty: Bool { layout.pieces.isEmpty }
  package var pieces: [Tensor] { layout.shards(of: flat, rank: rank) }
}

/// A unit's parameters on this rank: those that are trained and those that are frozen. Either list
/// may be empty, and each has its own dtype and place.
package struct UnitShards: Sendable {
  package let trained: Shard
  package let frozen: Shard

  package init(trained: Shard, frozen: Shard) {
    self.trained = trained
    self.frozen = frozen
  }
}
