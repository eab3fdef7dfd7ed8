// How a checkpoint names its tensors and orders the rows that the rotary embedding turns: as Hugging
// Face, as Meta's own files, as torchtune's.
import Essentials
import Layers

extension CheckpointNaming {
  private static let ends = [
    ("model.embed_tokens.weight", "tok_embeddings.weight", "tok_embeddings.weight"),
    ("model.norm.weight", "norm.weight", "norm.scale"),
    ("lm_head.weight", "output.weight", "output.weight"),
  ]
  /// What follows `model.layers.N.`, or `layers.N.`
  private static let parts = [
    ("input_layernorm.weight", "attention_norm.weight", "sa_norm.scale"),
    ("self_attn.q_proj.weight", "attention.wq.weight", "attn.q_proj.weight"),
    ("self_attn.k_proj.weight", "attention.wk.weight", "attn.k_proj.weight"),
    ("self_attn.v_proj.weight", "attention.wv.weight", "attn.v_proj.weight"),
    ("self_attn.q_proj.bias", "attention.wq.bias", "attn.q_proj.bias"),
    ("self_attn.k_proj.bias", "attention.wk.bias", "attn.k_proj.bias"),
    ("self_attn.v_proj.bias", "attention.wv.bias", "attn.v_proj.bias"),
    ("self_attn.q_norm.weight", "attention.q_norm.weight", "attn.q_norm.scale"),
    ("self_attn.k_norm.weight", "attention.k_norm.weight", "attn.k_norm.scale"),
    ("self_attn.o_proj.weight", "attention.wo.weight", "attn.output_proj.weight"),
    ("post_attention_layernorm.weight", "ffn_norm.weight", "mlp_norm.scale"),
    ("mlp.gate_proj.weight", "feed_forward.w1.weight", "mlp.w1.weight"),
    ("mlp.up_proj.weight", "feed_forward.w3.weight", "mlp.w3.weight"),
    ("mlp.down_proj.weight", "feed_forward.w2.weight", "mlp.w2.weight"),
  ]

  private func mine(_ names: (String, String, String)) -> String {
    switch self {
    case .huggingFace: names.0
    case .meta: names.1
    case .torchtune: names.2
    }
  }

  /// The name that this checkpoint has for Hugging Face's.
  package func name(of huggingFace: String) -> String {
    translate(huggingFace, from: \.0, layers: "model.layers.", to: mine, layers: ownLayers)
  }
  /// Hugging Face's name for this checkpoint's; the name itself where it is none of a decoder's.
  func huggingFaceName(of own: String) -> String {
    translate(own, from: mine, layers: ownLayers, to: \.0, layers: "model.layers.")
  }
  private var ownLayers: String { self == .huggingFace ? "model.layers." : "layers." }

  private func translate(
    _ name: String, from: ((String, String, String)) -> String, layers old: String,
    to: ((String, String, String)) -> String, layers new: String
  ) -> String {
    if let entry = Self.ends.first(where: { from($0) == name }) { return to(entry) }
    guard name.hasPrefix(old), let dot = name.dropFirst(old.count).firstIndex(of: ".") else {
      return name
    }
    let number = name[name.index(name.startIndex, offsetBy: old.count)..<dot]
    let part = name[name.index(after: dot)...]
    guard let entry = Self.parts.first(where: { from($0) == part }) else { return name }
    return new + number + "." + to(entry)
  }

  /// How the rows of a parameter lie in such a checkpoint. Meta's are in pairs; so are torchtune's
  /// of Llama, which turns pairs, while its Qwen turns halves.
  func rowOrder(
    of parameter: ParameterSpecification, in decoder: DecoderConfiguration
  ) -> ParameterSpecification.RowOrder {
    switch self {
    case .huggingFace: parameter.rowOrder
    case .meta: .plain
    case .torchtune: decoder.architecture == .llama ? .plain : parameter.rowOrder
    }
  }
}
