// The tensors that transformers expects of each architecture, and where the GGUF file has them. All
// must be there with their shapes, and none may be left: a tensor without a place would be lost.
import Essentials

extension ModelPlan {
  /// - Parameter used: tensors that config.json was made from, such as rotary factors.
  /// - Throws: `TuneError` `.checkpointMismatch`.
  static func tensors(of model: GGUFModel, _ size: Geometry, used: Set<String>) throws
    -> [PlannedTensor]
  {
    var tensors = [
      PlannedTensor(
        name: "model.embed_tokens.weight", source: "token_embd.weight",
        shape: [size.vocabularySize, size.width])
    ]
    for block in 0..<size.blocks {
      tensors += BlockTensors(block, size, model).all
    }
    let isGemma = size.architecture.isGemma
    tensors.append(
      PlannedTensor(
        name: "model.norm.weight", source: "output_norm.weight", shape: [size.width],
        subtractsOne: isGemma))
    if model["output.weight"] != nil {
      tensors.append(
        PlannedTensor(
          name: "lm_head.weight", source: "output.weight",
          shape: [size.vocabularySize, size.width]))
    }
    try check(tensors, model, used)
    return tensors
  }

  private static func check(_ tensors: [PlannedTensor], _ model: GGUFModel, _ used: Set<String>)
    throws
  {
    func failure(_ message: String, _ remedy: String) -> TuneError {
      TuneError(.checkpointMismatch, message, remedy: remedy, at: .init(file: model.file.path))
    }
    for tensor in tensors {
      guard let found = model[tensor.source] else {
        throw failure(
          "tensor '\(tensor.source)' is missing", "Pass the GGUF file of a whole language model.")
      }
      guard found.shape == tensor.shape else {
        throw failure(
          "tensor '\(tensor.source)' has shape \(found.shape); the keys of the file say \(tensor.shape)",
          "Convert the model to GGUF again.")
      }
    }
    let placed = used.union(tensors.map(\.source))
    let left = model.tensors.map(\.name).filter { !placed.contains($0) }
    guard let first = left.first else { return }
    let others = left.count > 1 ? " (and \(left.count - 1) more)" : ""
    throw failure(
      "tensor '\(first)'\(others) has no place in this architecture",
      "Start from the model's original folder.")
  }
}

private struct BlockTensors {
  private(set) var all: [PlannedTensor] = []
  private let block: Int
  private let size: Geometry
  private let model: GGUFModel

  init(_ block: Int, _ size: Geometry, _ model: GGUFModel) {
    (self.block, self.size, self.model) = (block, size, model)
    let (queries, keys) = (size.heads * size.headWidth, size.keyValueHeads * size.headWidth)
    addNorms(queries: queries, keys: keys)
    let architecture = size.architecture
    if architecture == .phi3 {
      linear("attn_qkv", "self_attn.qkv_proj", queries + 2 * keys, size.width)
      linear("ffn_up", "mlp.gate_up_proj", 2 * size.feedForwardWidth, size.width)
    } else {
      let interleaves = architecture.interleavesHeads
      linear("attn_q", "self_attn.q_proj", queries, size.width, interleaves ? size.heads : nil)
      linear("attn_k", "self_attn.k_proj", keys, size.width, interleaves ? size.keyValueHeads : nil)
      linear("attn_v", "self_attn.v_proj", keys, size.width)
      linear("ffn_gate", "mlp.gate_proj", size.feedForwardWidth, size.width)
      linear("ffn_up", "mlp.up_proj", size.feedForwardWidth, size.width)
    }
    linear("attn_output", "self_attn.o_proj", size.width, queries)
    linear("ffn_down", "mlp.down_proj", size.width, size.feedForwardWidth)
  }

  private mutating func addNorms(queries: Int, keys: Int) {
    switch size.architecture {
    case .gemma2, .gemma3:
      norm("attn_norm", "input_layernorm", size.width)
      norm("post_attention_norm", "post_attention_layernorm", size.width)
      norm("ffn_norm", "pre_feedforward_layernorm", size.width)
      norm("post_ffw_norm", "post_feedforward_layernorm", size.width)
    case .olmo2:
      norm("post_attention_norm", "post_attention_layernorm", size.width)
      norm("post_ffw_norm", "post_feedforward_layernorm", size.width)
      norm("attn_q_norm", "self_attn.q_norm", queries)
      norm("attn_k_norm", "self_attn.k_norm", keys)
    default:
      norm("attn_norm", "input_layernorm", size.width)
      norm("ffn_norm", "post_attention_layernorm", size.width)
    }
    if size.architecture == .qwen3 || size.architecture == .gemma3 {
      norm("attn_q_norm", "self_attn.q_norm", size.headWidth)
      norm("attn_k_norm", "self_attn.k_norm", size.headWidth)
    }
  }

  private mutating func norm(_ source: String, _ name: String, _ width: Int) {
    add(source, name, "weight", [width], subtractsOne: size.architecture.isGemma)
  }

  private mutating func linear(
    _ source: String, _ name: String, _ rows: Int, _ columns: Int, _ heads: Int? = nil
  ) {
    add(source, name, "weight", [rows, columns], heads)
    let hasBias =
      size.architecture == .qwen2
      ? ["attn_q", "attn_k", "attn_v"].contains(source)
      : size.architecture.mayHaveBiases && Biases(model).has(source)
    if hasBias { add(source, name, "bias", [rows], heads) }
  }

  private mutating func add(
    _ source: String, _ name: String, _ kind: String, _ shape: [Int], _ heads: Int? = nil,
    subtractsOne: Bool = false
  ) {
    all.append(
      PlannedTensor(
        name: "model.layers.\(block).\(name).\(kind)", source: "blk.\(block).\(source).\(kind)",
        shape: shape, interleavedHeads: heads, subtractsOne: subtractsOne))
  }
}

/// Which linear layers have biases, as the first block shows; transformers has them in all of the
/// attention or none, and so for the feed-forward part.
struct Biases {
  let attention: Bool
  let feedForward: Bool

  init(_ model: GGUFModel) {
    attention = model["blk.0.attn_q.bias"] != nil
    feedForward = model["blk.0.ffn_up.bias"] != nil
  }

  func has(_ source: String) -> Bool { source.hasPrefix("attn_") ? attention : feedForward }
}
