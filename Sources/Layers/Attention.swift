// Causal attention with grouped key and value heads.
// `B` batch, `T` tokens, `S` tokens seen so far, `N` query heads, `M` key/value heads, `H` width.
import Tensors

/// Which earlier tokens a token attends to.
package enum AttentionReach: Sendable {
  /// All earlier tokens of its row.
  case causal
  /// The earlier tokens of its own sample in a packed row: the samples' lengths, row by row, each
  /// row's summing to T. No mask of T x T is ever made.
  case withinSamples([[Int]])
}

/// queries [B, N, T, H], keys and values [B, M, S, H]; gives [B, N, T, H].
func attend(_ queries: Tensor, _ keys: Tensor, _ values: Tensor, _ reach: AttentionReach) -> Tensor
{
  switch reach {
  case .causal:
    // A single new token sees everything in the cache.
    let causal = queries.shape[2] > 1
    precondition(
      !causal || queries.shape[2] == keys.shape[2], "several tokens after a cached prompt")
    return queries.attention(keys, values, causal: causal)
  case .withinSamples(let rows):
    return queries.packedAttention(keys, values, lengths: rows.flatMap { $0 })
  }
}

/// Keys and values of the tokens so far, one pair a layer; grown in place, never copied again.
package final class KeyValueCache {
  private var keys: [Tensor], values: [Tensor]
  /// Tokens in the cache.
  package private(set) var count = 0
  package let capacity: Int

  package init(
    _ c: DecoderConfiguration, batch: Int, capacity: Int, dtype: DType, on device: Device
  ) {
    func make() -> [Tensor] {
      (0..<c.layerCount).map { _ in
        .zeros([batch, c.keyValueHeadCount, capacity, c.headWidth], dtype, on: device)
      }
    }
    keys = make()
    values = make()
    self.capacity = capacity
  }
  /// Writes [B, M, T, H] after the tokens so far; gives all of them.
  func extend(layer: Int, _ newKeys: Tensor, _ newValues: Tensor) -> (keys: Tensor, values: Tensor)
  {
    let tokens = newKeys.shape[2]
    precondition(count + tokens <= capacity, "the key-value cache is full")
    keys[layer].narrow(2, from: count, count: tokens).copy(from: newKeys)
    values[layer].narrow(2, from: count, count: tokens).copy(from: newValues)
    return (
      keys[layer].narrow(2, from: 0, count: count + tokens),
      values[layer].narrow(2, from: 0, count: count + tokens)
    )
  }
  /// Called once a forward pass, after its last layer.
  package func advance(by tokens: Int) { count += tokens }
}
