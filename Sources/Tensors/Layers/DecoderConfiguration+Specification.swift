// Every parameter of a decoder: its name in a Hugging Face checkpoint, its shape and what it is.
import Tensors

extension DecoderConfiguration {
  package var specification: DecoderWeights<ParameterSpecification> {
    DecoderWeights(
      embedding: .init(
        name: ParameterSpecification.embeddingName, shape: [vocabularySize, width], kind: .embedding
      ),
      blocks: (0..<layerCount).map(blockSpecification),
      head: HeadWeights(
        norm: .init(name: "model.norm.weight", shape: [width], kind: .norm),
        output: tiesEmbeddings
          ? nil
          : .init(
            name: ParameterSpecification.headName, shape: [vocabularySize, width], kind: .linear)))
  }

  package var parameterCount: Int { specification.all.reduce(0) { $0 + $1.count } }

  private func blockSpecification(_ layer: Int) -> BlockWeights<ParameterSpecification> {
    let prefix = "model.layers.\(layer)."
    let names = normNames
    func norm(_ name: String?) -> ParameterSpecification? {
      name.map { .init(name: prefix + $0 + ".weight", shape: [width], kind: .norm) }
    }
    let (query, key, value) = attentionInputs(prefix)
    let (gate, up) = feedForwardInputs(prefix)
    return BlockWeights(
      attentionNorm: norm(names.attention), query: query, key: key, value: value,
      queryNorm: headNorm(prefix + "self_attn.q_norm.weight", heads: headCount),
      keyNorm: headNorm(prefix + "self_attn.k_norm.weight", heads: keyValueHeadCount),
      attentionOutput: linear(
        prefix + "self_attn.o_proj", width, headCount * headWidth, bias: .attentionOutput),
      attentionOutputNorm: norm(names.attentionOutput), feedForwardNorm: norm(names.feedForward),
      gate: gate, up: up,
      down: linear(prefix + "mlp.down_proj", width, hiddenWidth, bias: .feedForward),
      feedForwardOutputNorm: norm(names.feedForwardOutput))
  }

  /// transformers calls the norm before the feed-forward layer `post_attention_layernorm`, but where there is
  /// one after attention.
  private var normNames:
    (attention: String?, attentionOutput: String?, feedForward: String?, feedForwardOutput: String?)
  {
    switch choices.normPlacement {
    case .before: ("input_layernorm", nil, "post_attention_layernorm", nil)
    case .after: (nil, "post_attention_layernorm", nil, "post_feedforward_layernorm")
    case .around:
      (
        "input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm",
        "post_feedforward_layernorm"
      )
    }
  }

  private func attentionInputs(_ prefix: String) -> (
    query: LinearLayer<ParameterSpecification>, key: LinearLayer<ParameterSpecification>,
    value: LinearLayer<ParameterSpecification>
  ) {
    let (queries, keys) = (headCount * headWidth, keyValueHeadCount * headWidth)
    func part(from start: Int, _ rows: Int) -> ParameterSpecification.Part? {
      guard choices.fusesProjections else { return nil }
      return .init(
        tensor: prefix + "self_attn.qkv_proj.weight", rows: start..<start + rows,
        rowCount: queries + 2 * keys)
    }
    return (
      linear(
        prefix + "self_attn.q_proj", queries, width, order: halves(headCount),
        bias: .attentionInputs, part: part(from: 0, queries)),
      linear(
        prefix + "self_attn.k_proj", keys, width, order: halves(keyValueHeadCount),
        bias: .attentionInputs, part: part(from: queries, keys)),
      linear(
        prefix + "self_attn.v_proj", keys, width, bias: .attentionInputs,
        part: part(from: queries + keys, keys))
    )
  }

  private func feedForwardInputs(_ prefix: String) -> (
    gate: LinearLayer<ParameterSpecification>, up: LinearLayer<ParameterSpecification>
  ) {
    func layer(_ name: String, _ index: Int) -> LinearLayer<ParameterSpecification> {
      linear(
        prefix + name, hiddenWidth, width, bias: .feedForward,
        part: !choices.fusesProjections
          ? nil
          : .init(
            tensor: prefix + "mlp.gate_up_proj.weight",
            rows: index * hiddenWidth..<(index + 1) * hiddenWidth, rowCount: 2 * hiddenWidth))
    }
    return (layer("mlp.gate_proj", 0), layer("mlp.up_proj", 1))
  }

  private func halves(_ heads: Int) -> ParameterSpecification.RowOrder {
    .rotaryHalves(heads: heads, width: rotary.width)
  }

  private func linear(
    _ name: String, _ outputs: Int, _ inputs: Int,
    order: ParameterSpecification.RowOrder = .plain, bias: ArchitectureChoices.Biases,
    part: ParameterSpecification.Part? = nil
  ) -> LinearLayer<ParameterSpecification> {
    LinearLayer(
      .init(
        name: name + ".weight", shape: [outputs, inputs], kind: .linear, rowOrder: order,
        part: part),
      bias: choices.biases.contains(bias)
        ? .init(name: name + ".bias", shape: [outputs], kind: .bias, rowOrder: order) : nil)
  }

  private func headNorm(_ name: String, heads: Int) -> ParameterSpecification? {
    switch choices.headNorms {
    case .none: nil
    case .eachHead: .init(name: name, shape: [headWidth], kind: .norm, rowOrder: halves(1))
    case .allHeads:
      .init(name: name, shape: [heads * headWidth], kind: .norm, rowOrder: halves(heads))
    }
  }
}
