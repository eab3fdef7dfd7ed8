// Keys and values of the tokens so far, a pair of tensors a layer; grown in place, never copied again. Each
// row is a sequence with a length of its own. New tokens of several rows come packed, row after row.
// `R` rows, `T` new tokens of all rows, `N` query heads, `M` key/value heads, `C` capacity, `H` width.
import Tensors

package final class KeyValueCache {
  /// [R, M, C, H] each
  private let keys: [Tensor], values: [Tensor]
  /// Tokens that each row holds.
  package private(set) var counts: [Int]
  /// Tokens that a row can hold.
  package let capacity: Int

  package init(
    _ c: DecoderConfiguration, rows: Int, capacity: Int, dtype: DType, on device: Device
  ) {
    func make() -> [Tensor] {
      (0..<c.layerCount).map { _ in
        .zeros([rows, c.keyValueHeadCount, capacity, c.headWidth], dtype, on: device)
      }
    }
    keys = make()
    values = make()
    counts = [Int](repeating: 0, count: rows)
    self.capacity = capacity
  }

  /// Takes up a layer's new keys and values [1, M, T, H]. Each new token attends to its row's tokens up to
  /// itself: queries [1, N, T, H] to [1, N, T, H].
  fileprivate func attend(
    layer: Int, lengths: [Int], _ queries: Tensor, _ newKeys: Tensor, _ newValues: Tensor,
    _ rule: AttentionRule
  ) -> Tensor {
    precondition(lengths.count == counts.count, "new tokens of other rows than the cache's")
    var parts: [Tensor] = []
    var start = 0
    for (row, length) in lengths.enumerated() where length > 0 {
      let seen = counts[row] + length
      precondition(seen <= capacity, "the key-value cache is full")
      func own(_ new: Tensor) -> Tensor { new.narrow(2, from: start, count: length) }
      func extended(_ stored: Tensor, by new: Tensor) -> Tensor {
        let all = stored.narrow(0, from: row, count: 1).narrow(2, from: 0, count: seen)
        all.narrow(2, from: counts[row], count: length).copy(from: own(new))
        return all
      }
      parts.append(
        Layers.attend(
          own(queries), extended(keys[layer], by: newKeys),
          extended(values[layer], by: newValues), .causal, rule))
      start += length
    }
    return parts.count == 1 ? parts[0] : .cat(parts, along: 2)
  }

  /// Called once a forward pass, after its last layer.
  package func advance(by lengths: [Int]) {
    for (row, length) in lengths.enumerated() { counts[row] += length }
  }
}

/// What one layer needs of a cache in a forward pass.
package struct CachedLayer {
  package let cache: KeyValueCache
  package let layer: Int
  /// New tokens of each row; 0 leaves the row as it is.
  package let lengths: [Int]

  package init(_ cache: KeyValueCache, layer: Int, lengths: [Int]) {
    self.cache = cache
    self.layer = layer
    self.lengths = lengths
  }

  func attend(
    _ queries: Tensor, _ keys: Tensor, _ values: Tensor, _ rule: AttentionRule
  ) -> Tensor {
    cache.attend(layer: layer, lengths: lengths, queries, keys, values, rule)
  }
}
