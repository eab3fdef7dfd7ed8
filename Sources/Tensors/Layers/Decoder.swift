// The decoder: functions of weights handed in. One block is attention and a gated feed-forward
// layer, each behind an RMS norm and a residual (Llama, Qwen).
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
  package func embed(_ tokens: Tensor, _ weight: Tensor) -> Tensor { weight.embedding(tokens) }

  /// One block, x [B, T, D] to [B, T, D].
  /// - Parameter valueIsRead: false where only the graph is wanted, for slopes: the last product, which
  ///   no slope needs, is left out.
  package func block(
    _ x: Tensor, _ w: BlockWeights<LinearWeight>, _ context: DecoderContext,
    cache: CachedLayer? = nil, probe: LayerProbe? = nil, valueIsRead: Bool = true
  ) -> Tensor {
    let c = configuration
    let (b, t) = (x.shape[0], x.shape[1])
    let h = norm(x, w.attentionNorm)
    probe?("self_attn.q_proj, k_proj, v_proj", h)
    let qkv = linear(h, w.query, w.key, w.value)
    func heads(_ x: Tensor, _ count: Int, _ norm: LinearWeight?) -> Tensor {
      let heads = x.reshape(b, t, count, c.headWidth)
      return norm.map { self.norm(heads, $0) } ?? heads
    }
    let queries = context.angles.turn(heads(qkv[0], c.headCount, w.queryNorm))
    let keys = context.angles.turn(heads(qkv[1], c.keyValueHeadCount, w.keyNorm))
      .transpose(1, 2)
    let values = heads(qkv[2], c.keyValueHeadCount, nil).transpose(1, 2)
    let seen =
      cache?.attend(queries.transpose(1, 2), keys, values)
      ?? attend(queries.transpose(1, 2), keys, values, context.reach)
    let attended = seen.transpose(1, 2).reshape(b, t, c.headCount * c.headWidth)
    probe?("self_attn.o_proj", attended)
    let y = x + linear(attended, w.attentionOutput)[0]

    let g = norm(y, w.feedForwardNorm)
    probe?("mlp.gate_proj, up_proj", g)
    let gateUp = linear(g, w.gate, w.up)
    let inside = gateUp[0].swiGLU(gateUp[1])
    probe?("mlp.down_proj", inside)
    return y + linear(inside, w.down, valueIsRead: valueIsRead)[0]
  }

  /// RMS norm in fp32, back in x's dtype.
  package func norm(_ x: Tensor, _ weight: LinearWeight) -> Tensor {
    x.rmsNorm(weight.exactTensor, epsilon: configuration.normEpsilon)
  }

  /// The output head: [.., D] to logits [.., V] in x's dtype.
  package func logits(_ x: Tensor, norm normWeight: LinearWeight, output: LinearWeight) -> Tensor {
    linear(norm(x, normWeight), output)[0]
  }

  /// The whole decoder in one go: tokens [B, T] to logits [B, T, V]. `output` stands for the
  /// embedding's weight where the two are tied.
  package func callAsFunction(
    _ tokens: Tensor, _ weights: DecoderWeights<LinearWeight>, output: LinearWeight,
    embedding: Tensor, _ context: DecoderContext
  ) -> Tensor {
    var x = embed(tokens, embedding)
    for block in weights.blocks { x = self.block(x, block, context) }
    return logits(x, norm: weights.head.norm, output: output)
  }
}
