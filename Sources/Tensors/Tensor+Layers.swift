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
  /// Rows of `self` [V, D] at `index` [..]: [.., D].
  package func embedding(_ index: Tensor, file: StaticString = #fileID, line: UInt = #line)
    -> Tensor
  {
    made(ct_embedding(raw, index.raw), file, line)
  }
  /// The slope at an embedding's weight [rows, D] when `self` is the slope at its output.
  package func embeddingGradient(_ index: Tensor, rows: Int) -> Tensor {
    made(ct_embedding_gradient(raw, index.raw, Int64(rows)))
  }
  package func rmsNorm(
    _ weight: Tensor, epsilon: Double, file: StaticString = #fileID, line: UInt = #line
  ) -> Tensor {
    made(ct_rms_norm(raw, weight.raw, epsilon), file, line)
  }
  package func softmax(along dim: Int) -> Tensor { made(ct_softmax(raw, Int64(dim))) }
  package func logSoftmax(along dim: Int) -> Tensor { made(ct_log_softmax(raw, Int64(dim))) }
  /// Sum of cross entropies of logits [M, V] against targets [M].
  package func crossEntropySum(
    _ target: Tensor, ignoring ignored: Int = -100, file: StaticString = #fileID,
    line: UInt = #line
  ) -> Tensor {
    made(ct_cross_entropy_sum(raw, target.raw, Int64(ignored)), file, line)
  }
  /// Scaled dot-product attention of queries `self` [B, N, T, H].
  package func attention(
    _ keys: Tensor, _ values: Tensor, mask: Tensor? = nil, causal: Bool,
    file: StaticString = #fileID, line: UInt = #line
  ) -> Tensor {
    made(ct_attention(raw, keys.raw, values.raw, mask?.raw, causal), file, line)
  }
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
