// A model as llama.cpp's architectures: its name there, names of tensors, and what llama.cpp does not
// compute. Sources: llama.cpp's converter and graphs.
import Checkpoints
import Essentials
import Foundation
import Layers
import Tensors

struct GGUFArchitecture {
  let decoder: DecoderConfiguration
  private let place: String

  init(_ model: ExportModel) {
    (decoder, place) = (model.decoder, model.folder.path + "/config.json")
  }

  var name: String {
    switch decoder.architecture {
    case .llama, .mistral: "llama"
    case .gemma3: "gemma3"
    case .qwen2, .qwen3, .smollm3, .gemma2, .phi3, .olmo2, .granite: decoder.architecture.rawValue
    }
  }

  var keepsPairs: Bool {
    switch decoder.architecture {
    case .llama, .mistral, .granite, .smollm3: true
    case .qwen2, .qwen3, .gemma2, .gemma3, .phi3, .olmo2: false
    }
  }

  // MARK: Names

  private static let outer = [
    "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
  ]
  private static let inner = [
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "self_attn.qkv_proj": "attn_qkv", "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm", "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm", "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down", "mlp.gate_up_proj": "ffn_up",
  ]

  /// `model.layers.3.mlp.up_proj.weight` to `blk.3.ffn_up.weight`.
  func name(of tensor: String) -> String {
    var parts = tensor.split(separator: ".").map(String.init)
    let kind = parts.removeLast()
    if let outer = Self.outer[parts.joined(separator: ".")] { return outer + "." + kind }
    guard parts.count > 3, parts[0] == "model", parts[1] == "layers" else {
      preconditionFailure("'\(tensor)' is no tensor of a decoder")
    }
    let inner = parts[3...].joined(separator: ".")
    // The norm after attention where there is one, else the one before the feed-forward layer.
    let afterAttention =
      decoder.choices.normPlacement == .before ? "ffn_norm" : "post_attention_norm"
    guard let name = inner == "post_attention_layernorm" ? afterAttention : Self.inner[inner]
    else { preconditionFailure("'\(tensor)' is no tensor of a decoder") }
    return "blk.\(parts[2]).\(name).\(kind)"
  }

  // MARK: Refusals

  /// - Throws: `TuneError` `.unsupported` for a model that llama.cpp computes differently.
  func check() throws {
    let windows = decoder.choices.attention.map(\.window)
    switch decoder.architecture {
    case .llama, .mistral, .qwen2, .qwen3, .granite, .smollm3, .olmo2:
      if let window = windows.compactMap({ $0 }).first, window < decoder.maximumSequenceLength {
        throw refusal(
          "sliding_window", "llama.cpp has no windows of attention for \(name) models")
      }
    case .gemma2: try checkWindows(fullEvery: 2)
    case .gemma3: try checkWindows(fullEvery: 6)
    case .phi3: break
    }
    if decoder.architecture == .smollm3 {
      let rotations = decoder.choices.attention.map { $0.rotation == .none }
      let known = rotations.indices.map { ($0 + 1) % 4 == 0 }
      guard rotations == known else {
        throw refusal("no_rope_layers", "llama.cpp leaves out the rotary embedding in every 4th")
      }
    }
    try checkGemma()
    try checkRotary()
  }

  private func checkWindows(fullEvery period: Int) throws {
    let windows = decoder.choices.attention.map(\.window)
    let known = windows.indices.map { ($0 + 1) % period == 0 }
    guard Set(windows.compactMap { $0 }).count <= 1, windows.map({ $0 == nil }) == known else {
      throw refusal(
        "layer_types", "llama.cpp's \(name) attends to everything in every \(period)th layer")
    }
  }

  private func checkGemma() throws {
    guard decoder.architecture == .gemma2 || decoder.architecture == .gemma3 else { return }
    // llama.cpp knows the two models that scale by the width of all heads by their layers.
    let large = decoder.architecture == .gemma2 ? 46 : 62
    let width =
      decoder.layerCount == large ? decoder.width / decoder.headCount : decoder.headWidth
    let scale = decoder.choices.attentionScale ?? 1 / Double(decoder.headWidth).squareRoot()
    guard abs(scale * Double(width).squareRoot() - 1) < 1e-6 else {
      throw refusal("query_pre_attn_scalar", "llama.cpp takes \(width) for this model")
    }
    if decoder.architecture == .gemma3, let local = decoder.choices.localRotary,
      local.base != 10_000 || local.scaling != nil
    {
      throw refusal("rope_local_base_freq", "llama.cpp takes 10000 for this model")
    }
  }

  private func checkRotary() throws {
    switch decoder.rotary.scaling {
    case .dynamic: throw refusal("rope_scaling", "llama.cpp has no dynamic rotary scaling")
    case .longrope where decoder.architecture != .phi3:
      throw refusal("rope_scaling", "llama.cpp has longrope for Phi-3 models alone")
    case .linear, .llama3, .yarn, .longrope, nil: break
    }
  }

  private func refusal(_ key: String, _ message: String) -> TuneError {
    TuneError(
      .unsupported, message, remedy: "Export to another format, or change config.json.",
      at: .init(file: place, key: key))
  }
}
