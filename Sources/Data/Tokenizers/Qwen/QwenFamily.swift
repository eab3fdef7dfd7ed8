// Qwen's special tokens, generation by generation: each has those of the one before.
// Source: torchtune's qwen2, qwen2_5 and qwen3 tokenizers, which follow the published
// tokenizer_config.json files.

/// Which generation of Qwen a tokenizer belongs to: they share a vocabulary and differ in special
/// tokens and in how tools speak.
public enum QwenFamily: String, Sendable, CaseIterable {
  /// Qwen 2.
  case qwen2
  /// Qwen 2.5, with tokens around calls of tools.
  case qwen25 = "qwen2_5"
  /// Qwen 3, with tokens around thoughts and what tools answered.
  case qwen3

  static let endOfText = "<|endoftext|>"
  static let start = "<|im_start|>"
  static let end = "<|im_end|>"
  static let toolCall = "<tool_call>"
  static let toolCallEnd = "</tool_call>"

  private static let inOrder = [
    endOfText, start, end,
    "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>",
    "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>",
    "<|image_pad|>", "<|video_pad|>", toolCall, toolCallEnd, "<|fim_prefix|>", "<|fim_middle|>",
    "<|fim_suffix|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>",
    "<tool_response>", "</tool_response>", "<think>", "</think>",
  ]
  private static let firstID: Int32 = 151_643

  /// The special tokens of the published models.
  public var specialTokens: [String: Int32] {
    let count =
      switch self {
      case .qwen2: 3
      case .qwen25: 22
      case .qwen3: Self.inOrder.count
      }
    return Dictionary(
      uniqueKeysWithValues: Self.inOrder.prefix(count).enumerated().map {
        ($1, Self.firstID + Int32($0))
      })
  }
}
