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

/// queries [B, N, T, H], keys and values [B, M, S, H]; gives [B, N, T, H]. The queries belong to the last
/// T of the S tokens.
func attend(
  _ queries: Tensor, _ keys: Tensor, _ values: Tensor, _ reach: AttentionReach,
  _ rule: AttentionRule
) -> Tensor {
  switch reach {
  case .causal:
    return queries.attention(keys, values, rule)
  case .withinSamples(let rows):
    return queries.packedAttention(keys, values, rule, lengths: rows.flatMap { $0 })
  }
}

extension DecoderConfiguration {
  /// How the queries and keys of a layer meet.
  func attentionRule(layer: Int) -> AttentionRule {
    AttentionRule(
      scale: choices.attentionScale, cap: choices.attentionCap,
      window: choices.attention[layer].window)
  }
}
