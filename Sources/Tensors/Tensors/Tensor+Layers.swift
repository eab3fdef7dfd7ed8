// The operations that layers are made of. Shapes: `B` batch, `T` tokens, `D` model width,
// `N` heads, `H` head width, `V` vocabulary.
import CTorch

extension Tensor {
  package func matmul(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
    made(ct_matmul(raw, other.raw), file, line)
  }
  /// self [.., K] times weight [N, K] transposed.
  package func linear(
    _ weight: Tensor, bias: Tensor? = nil, file: StaticString = #fileID, line: UInt = #line
  ) -> Tensor {
    made(ct_linear(raw, weight.raw, bias?.raw), file, line)
  }
  /// The graph of `linear` with an output that nobody reads: zeros.
  package func graphOnlyLinear(
    _ weight: Tensor, file: StaticString = #fileID, line: UInt = #line
  ) -> Tensor {
    made(ct_linear_graph_only(raw, weight.raw), file, line)
  }
  /// Rows of `self` [V, D] at `index` [..]: [.., D].
  package func embedding(_ index: Tensor, file: StaticString = #fileID, line: UInt = #line)
    -> Tensor
  {
    made(ct_embedding(raw, index.raw), file, line)
  }
  /// The gradient at an embedding's weight [rows, D] when `self` is the gradient at its output.
  package func embeddingGradient(_ index: Tensor, rows: Int) -> Tensor {
    made(ct_embedding_gradient(raw, index.raw, Int64(rows)))
  }
  /// self / sqrt(mean(self^2) + epsilon) * weight over the last dimension, computed in fp32, in
  /// self's dtype.
  package func rmsNorm(
    _ weight: Tensor, epsilon: Double, file: StaticString = #fileID, line: UInt = #line
  ) -> Tensor {
    made(ct_root_mean_square_norm(raw, weight.raw, epsilon), file, line)
  }
  /// gate * sigmoid(gate) * up of a gate `self`, rounded once.
  package func swiGLU(_ up: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
    made(ct_swiglu(raw, up.raw), file, line)
  }
  /// gelu(self) * up of a gate `self`, GELU by its tanh formula.
  package func tanhGELU(times up: Tensor) -> Tensor { made(ct_tanh_gelu(raw)) * up }
  /// Neighbours (a, b) of self [B, T, N, H] rotated by the angles [B or 1, T, 1, H/2], in fp32.
  package func applyingRotary(
    cosines: Tensor, sines: Tensor, file: StaticString = #fileID, line: UInt = #line
  ) -> Tensor {
    made(ct_apply_rotary(raw, cosines.raw, sines.raw), file, line)
  }
  package func softmax(along dim: Int) -> Tensor { made(ct_softmax(raw, Int64(dim))) }
  package func logSoftmax(along dim: Int) -> Tensor { made(ct_log_softmax(raw, Int64(dim))) }
  /// Sum of cross entropies of logits [M, V] against targets [M], an fp32 scalar.
  package func crossEntropySum(
    _ target: Tensor, ignoring ignored: Int = -100, file: StaticString = #fileID,
    line: UInt = #line
  ) -> Tensor {
    made(ct_cross_entropy(raw, target.raw, Int64(ignored)), file, line)
  }
  /// The same sum; `self` is overwritten by the sum's gradients times `seed`, rounded once.
  package func crossEntropySumIntoGradients(
    _ target: Tensor, seed: Double, ignoring ignored: Int = -100, file: StaticString = #fileID,
    line: UInt = #line
  ) -> Tensor {
    made(ct_cross_entropy_into_gradients(raw, target.raw, Int64(ignored), seed), file, line)
  }
  /// Causal scaled dot-product attention of queries `self` [B, N, T, H] to keys and values [B, M, S, H];
  /// query head n uses head n M / N. The queries belong to the last T of the S tokens.
  package func attention(
    _ keys: Tensor, _ values: Tensor, _ rule: AttentionRule = AttentionRule(),
    file: StaticString = #fileID, line: UInt = #line
  ) -> Tensor {
    made(ct_grouped_attention(raw, keys.raw, values.raw, rule.bridged), file, line)
  }
  /// Causal attention in each sample of packed rows: the samples' lengths, row by row.
  package func packedAttention(
    _ keys: Tensor, _ values: Tensor, _ rule: AttentionRule = AttentionRule(), lengths: [Int],
    file: StaticString = #fileID, line: UInt = #line
  ) -> Tensor {
    made(
      ct_packed_attention(
        raw, keys.raw, values.raw, rule.bridged, sizes(lengths), Int32(lengths.count)),
      file, line)
  }
  /// e^self in fp32 as the layers' kernels compute it.
  package func kernelExponential() -> Tensor { made(ct_kernel_exponential(raw)) }
}

/// AdamW as `torch.optim.AdamW(fused=True)` computes it, in place on parameter and state.
package func fusedAdamWInPlace(
  _ parameter: Tensor, gradient: Tensor, mean: Tensor, variance: Tensor, learningRate: Double,
  betas: (Double, Double), epsilon: Double, weightDecay: Double, step: Int
) {
  done(
    ct_fused_adamw_(
      parameter.raw, gradient.raw, mean.raw, variance.raw, learningRate, betas.0, betas.1, epsilon,
      weightDecay, Int64(step)), #fileID, #line)
}

/// What attention does besides being causal.
package struct AttentionRule: Sendable, Equatable {
  /// Factor of queries times keys; nil for 1 / sqrt(H).
  package var scale: Double?
  /// c tanh(score / c) bounds the scores.
  package var cap: Double?
  /// A token attends to itself and the `window` - 1 tokens before it; nil for all before it.
  package var window: Int?

  package init(scale: Double? = nil, cap: Double? = nil, window: Int? = nil) {
    self.scale = scale
    self.cap = cap
    self.window = window
  }
  fileprivate var bridged: ct_attention_rule {
    ct_attention_rule(scale: scale ?? 0, cap: cap ?? 0, window: Int64(window ?? 0))
  }
}
