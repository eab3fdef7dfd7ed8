// Rotary position embedding on interleaved pairs, in fp32 (RoFormer).
// `B` batch, `T` tokens, `N` heads, `H` head width, `R` rotated width.
import Tensors

/// The rotary embeddings of a decoder: of its layers, and of those in a window where these have their own.
package struct Rotary: Sendable {
  private let global: RotaryTables
  private let local: RotaryTables?

  package init(_ c: DecoderConfiguration, positions: Int, on device: Device = .cpu) {
    global = RotaryTables(c.rotary, positions: positions, on: device)
    local = c.choices.localRotary.map { RotaryTables($0, positions: positions, on: device) }
  }

  /// The angles of a batch's tokens.
  /// - Parameter positions: [B, T] int64, nil for `offset`, `offset` + 1, ...
  package func angles(_ positions: Tensor?, offset: Int = 0, tokens: Int) -> RotaryAngles {
    RotaryAngles(
      global: global.pairs(positions, offset: offset, tokens: tokens),
      local: local?.pairs(positions, offset: offset, tokens: tokens))
  }
}

/// Cosines and sines for every position that a model may use.
private struct RotaryTables: Sendable {
  private struct Table: Sendable {
    /// [positions, R / 2] fp32 each
    let cosines, sines: Tensor

    init(_ embedding: RotaryEmbedding, length: Int, positions: Int, on device: Device) {
      let angles =
        Tensor.arange(positions).unsqueeze(1) * embedding.frequencies(length: length).unsqueeze(0)
      func table(_ values: Tensor) -> Tensor {
        (embedding.amplitude == 1 ? values : values * embedding.amplitude).to(device)
      }
      cosines = table(angles.cos())
      sines = table(angles.sin())
    }
  }
  private let embedding: RotaryEmbedding
  private let device: Device
  private let positions: Int
  /// Of short sequences, and of the longest one.
  private let short, long: Table

  init(_ embedding: RotaryEmbedding, positions: Int, on device: Device) {
    self.embedding = embedding
    self.device = device
    self.positions = positions
    let table = Table(embedding, length: 1, positions: positions, on: device)
    short = table
    long =
      embedding.regime(length: positions) == embedding.regime(length: 1)
      ? table : Table(embedding, length: positions, positions: positions, on: device)
  }

  private func table(length: Int) -> Table {
    let regime = embedding.regime(length: length)
    if regime == embedding.regime(length: 1) { return short }
    if regime == embedding.regime(length: positions) { return long }
    return Table(embedding, length: length, positions: length, on: device)
  }

  /// The rows for these positions, shaped to broadcast over x [B, T, N, R / 2].
  func pairs(_ positions: Tensor?, offset: Int, tokens: Int) -> RotaryAngles.Pairs {
    // Frequencies of all rows follow the longest one, as in transformers.
    let length =
      embedding.dependsOnLength ? positions.map { $0.amax().itemInt + 1 } : nil
    let table = table(length: length ?? offset + tokens)
    func pick(_ table: Tensor) -> Tensor {
      guard let positions else {
        return table.narrow(0, from: offset, count: tokens).unsqueeze(0).unsqueeze(2)
      }
      let shape = positions.shape
      return table.rows(positions.reshape(-1)).reshape(shape[0], shape[1], 1, table.shape[1])
    }
    return RotaryAngles.Pairs(cosines: pick(table.cosines), sines: pick(table.sines))
  }
}

/// Cosines and sines of one batch.
package struct RotaryAngles: Sendable {
  struct Pairs: Sendable {
    /// [B or 1, T, 1, R / 2]
    let cosines, sines: Tensor
  }
  let global: Pairs
  let local: Pairs?

  /// x [B, T, N, H]: each pair (a, b) among a head's first R numbers rotated by its position's angle.
  func rotate(_ x: Tensor, _ rotation: ArchitectureChoices.LayerAttention.Rotation) -> Tensor {
    let pairs: Pairs
    switch rotation {
    case .none: return x
    case .global: pairs = global
    case .local: pairs = local ?? global
    }
    let (rotaryWidth, width) = (pairs.cosines.shape[3] * 2, x.shape[3])
    func rotated(_ x: Tensor) -> Tensor {
      x.applyingRotary(cosines: pairs.cosines, sines: pairs.sines)
    }
    guard rotaryWidth < width else { return rotated(x) }
    return .cat(
      [
        rotated(x.narrow(3, from: 0, count: rotaryWidth)),
        x.narrow(3, from: rotaryWidth, count: width - rotaryWidth),
      ], along: 3)
  }
}
