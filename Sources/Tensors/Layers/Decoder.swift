// The decoder: functions of weights handed in. One block is attention and a gated feed-forward
// layer, each with its norms and a residual; where models differ, the configuration's choices say how.
// `B` batch, `T` tokens, `D` model width, `N` heads, `H` head width, `V` vocabulary.
import Tensors

/// Called with a linear layer's name and input; used to find where numbers stop being finite.
package typealias LayerProbe = (_ layer: String, _ input: Tensor) -> Void

/// What a batch needs besides its tokens: positions and who attends to whom.
package struct DecoderContext: Sendable {
  package var angles: RotaryAngles
  package var reach: AttentionReach

  package init(angles: RotaryAngles, reach: AttentionReach) {
    self.angles = angles
    self.reach = reach
  }
}

package struct Decoder: Sendable {
  package let configuration: DecoderConfiguration
  package let rotary: Rotary

  /// - Parameter positions: the longest sequence this decoder will see.
  package init(
    _ configuration: DecoderConfiguration, positions: Int? = nil, on device: Device = .cpu
  ) {
    self.configuration = configuration
    rotary = Rotary(
      configuration, positions: positions ?? configuration.maximumSequenceLength, on: device)
  }

  /// Tokens [B, T] to [B, T, D].
  package func embed(_ tokens: Tensor, _ weight: Tensor) -> Tensor {
    embed(tokens, .exact(weight), weight.dtype)
  }
  /// - Parameter dtype: of what comes out, where the weight is codes.
  package func embed(_ tokens: Tensor, _ weight: LinearWeight, _ dtype: DType) -> Tensor {
    let rows = weight.embedding(tokens, dtype: dtype)
    return embeddingFactor(rows.dtype).map { rows * $0 } ?? rows
  }

  /// The gradient at the embedding's weight [V, D] from that at `embed`'s output [B, T, D].
  package func embeddingGradient(_ gradient: Tensor, _ tokens: Tensor) -> Tensor {
    let scaled = embeddingFactor(gradient.dtype).map { gradient * $0 } ?? gradient
    return scaled.embeddingGradient(tokens, rows: configuration.vocabularySize)
  }

  private func embeddingFactor(_ dtype: DType) -> Double? {
    switch configuration.choices.embeddingScale {
    case .none: nil
    case .factor(let factor): factor == 1 ? nil : factor
    case .rounded(let factor): Double(Tensor([Float(factor)]).to(dtype).to(.float32).floats[0])
    }
  }

  /// One block, x [B, T, D] to [B, T, D].
  /// - Parameter graphOnly: where only the graph is wanted, for gradients: the last product, which
  ///   no gradient needs, is left out.
  package func block(
    _ layer: Int, _ x: Tensor, _ w: BlockWeights<LinearWeight>, _ context: DecoderContext,
    cache: CachedLayer? = nil, probe: LayerProbe? = nil, graphOnly: Bool = false
  ) -> Tensor {
    let h = optionalNorm(x, w.attentionNorm)
    let attended = attention(layer, h, w, context, cache: cache, probe: probe)
    let y = add(attended, to: x, norm: w.attentionOutputNorm)

    let g = optionalNorm(y, w.feedForwardNorm)
    // A norm after the last product needs its value.
    let output = feedForward(
      g, w, probe: probe, graphOnly: graphOnly && w.feedForwardOutputNorm == nil)
    return add(output, to: y, norm: w.feedForwardOutputNorm)
  }

  private func attention(
    _ layer: Int, _ h: Tensor, _ w: BlockWeights<LinearWeight>, _ context: DecoderContext,
    cache: CachedLayer?, probe: LayerProbe?
  ) -> Tensor {
    let c = configuration
    let (b, t) = (h.shape[0], h.shape[1])
    let rotation = c.choices.attention[layer].rotation
    let rule = c.attentionRule(layer: layer)
    probe?("self_attn.q_proj, k_proj, v_proj", h)
    let qkv = linear(h, w.query, w.key, w.value)
    /// [B, T, `count` H] to [B, T, `count`, H], normed.
    func heads(_ x: Tensor, _ count: Int, _ norm: LinearWeight?) -> Tensor {
      guard let norm else { return x.reshape(b, t, count, c.headWidth) }
      return c.choices.headNorms == .allHeads
        ? self.norm(x, norm).reshape(b, t, count, c.headWidth)
        : self.norm(x.reshape(b, t, count, c.headWidth), norm)
    }
    let queries = context.angles.rotate(heads(qkv[0], c.headCount, w.queryNorm), rotation)
      .transpose(1, 2)
    let keys = context.angles.rotate(heads(qkv[1], c.keyValueHeadCount, w.keyNorm), rotation)
      .transpose(1, 2)
    let values = heads(qkv[2], c.keyValueHeadCount, nil).transpose(1, 2)
    let seen =
      cache?.attend(queries, keys, values, rule)
      ?? attend(queries, keys, values, context.reach, rule)
    let attended = seen.transpose(1, 2).reshape(b, t, c.headCount * c.headWidth)
    probe?("self_attn.o_proj", attended)
    return linear(attended, w.attentionOutput)[0]
  }

  private func feedForward(
    _ g: Tensor, _ w: BlockWeights<LinearWeight>, probe: LayerProbe?, graphOnly: Bool
  ) -> Tensor {
    probe?("mlp.gate_proj, up_proj", g)
    let gateUp = linear(g, w.gate, w.up)
    let inside =
      switch configuration.choices.activation {
      case .silu: gateUp[0].swiGLU(gateUp[1])
      case .tanhGELU: gateUp[0].tanhGELU(times: gateUp[1])
      }
    probe?("mlp.down_proj", inside)
    return linear(inside, w.down, graphOnly: graphOnly)[0]
  }

  /// What half a block adds to the residual stream.
  private func add(_ part: Tensor, to stream: Tensor, norm: LinearWeight?) -> Tensor {
    let part = optionalNorm(part, norm)
    let scale = configuration.choices.residualScale
    return stream + (scale == 1 ? part : part * scale)
  }

  private func optionalNorm(_ x: Tensor, _ weight: LinearWeight?) -> Tensor {
    weight.map { norm(x, $0) } ?? x
  }

  /// RMS norm in fp32, back in x's dtype.
  package func norm(_ x: Tensor, _ weight: LinearWeight) -> Tensor {
    let weight = weight.exactTensor
    return x.rmsNorm(
      // In bf16 the sum would be rounded.
      configuration.choices.addsOneToNorms ? weight.to(.float32) + 1 : weight,
      epsilon: configuration.normEpsilon)
  }

  /// The output head: [.., D] to logits [.., V] in x's dtype.
  package func logits(_ x: Tensor, norm normWeight: LinearWeight, output: LinearWeight) -> Tensor {
    logits(ofNormalized: norm(x, normWeight), output)
  }
  /// The same for an input that the norm has passed.
  package func logits(ofNormalized x: Tensor, _ output: LinearWeight) -> Tensor {
    configuration.bound(linear(x, output)[0])
  }

  /// The whole decoder in one go: tokens [B, T] to logits [B, T, V]. `output` stands for the
  /// embedding's weight where the two are tied.
  package func callAsFunction(
    _ tokens: Tensor, _ weights: DecoderWeights<LinearWeight>, output: LinearWeight,
    embedding: Tensor, _ context: DecoderContext
  ) -> Tensor {
    var x = embed(tokens, embedding)
    for (layer, block) in weights.blocks.enumerated() {
      x = self.block(layer, x, block, context)
    }
    return logits(x, norm: weights.head.norm, output: output)
  }
}

extension DecoderConfiguration {
  /// What becomes of the head's product: divided (Granite) and bounded (Gemma 2).
  package func bound(_ product: Tensor) -> Tensor {
    var logits = choices.logitDivisor == 1 ? product : product / choices.logitDivisor
    if let cap = choices.logitCap { logits = (logits / cap).tanh() * cap }
    return logits
  }
  /// Whether `bound` is more than the identity.
  package var boundsLogits: Bool { choices.logitDivisor != 1 || choices.logitCap != nil }
}
