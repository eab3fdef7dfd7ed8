// The special tokens of Llama 3 and their ids: from a tokenizer.json, or the canonical table, or
// for a smaller vocabulary the same order from its end on. Their text in ordinary input is plain
// text: only the program itself places them.
import Essentials

struct SpecialTokens: Sendable {
  let ids: [String: Int32]
  let beginOfText, endOfText, startHeader, endHeader, endOfTurn, endOfMessage, pad: Int32
  /// Missing in the first Llama 3, which made no tool calls.
  let pythonTag: Int32?

  /// In the order of their ids; the reserved ones from number 2 on follow.
  static let names = [
    "<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>",
    "<|reserved_special_token_1|>", "<|finetune_right_pad_id|>", "<|step_id|>",
    "<|start_header_id|>", "<|end_header_id|>", "<|eom_id|>", "<|eot_id|>", "<|python_tag|>",
    "<|image|>", "<|video|>",
  ]
  /// Those that every conversation needs.
  static let required = [
    "<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>",
    "<|eot_id|>",
  ]
  static let llama3BaseCount = 128_000
  static let count = 256

  /// The first `count` special tokens after a vocabulary of `base` tokens.
  static func inOrder(after base: Int, count: Int = count) -> [(name: String, id: Int32)] {
    let reserved = (0..<max(0, count - names.count)).map { "<|reserved_special_token_\(2 + $0)|>" }
    return (names.prefix(count) + reserved).enumerated().map { ($1, Int32(base + $0)) }
  }

  /// What a tokenizer.model without a tokenizer.json gets.
  static func standard(after base: Int) -> [String: Int32] {
    var ids = Dictionary(uniqueKeysWithValues: inOrder(after: base).map { ($0.name, $0.id) })
    // Meta's multimodal models put the image token behind the others; torchtune's table has it so.
    if base == llama3BaseCount { ids["<|image|>"] = 128_256 }
    return ids
  }

  /// - Throws: `TuneError` `.malformedFile` when a token that every conversation needs is missing or
  ///   an id belongs to an ordinary token.
  init(_ ids: [String: Int32], baseCount: Int, file: String) throws {
    func required(_ name: String) throws -> Int32 {
      if let id = ids[name] { return id }
      throw TuneError(
        .malformedFile, "the special token \(name) is missing",
        remedy: "Use the tokenizer.json of a Llama 3 model.",
        at: .init(file: file, key: "added_tokens"))
    }
    var names: [Int32: String] = [:]
    for (name, id) in ids.sorted(by: { $0.key < $1.key }) {
      if Int(id) < baseCount {
        throw TuneError(
          .malformedFile,
          "the special token \(name) has id \(id), which an ordinary token has already",
          remedy: "Check that tokenizer.model and tokenizer.json belong to the same model.",
          at: .init(file: file, key: "added_tokens"))
      }
      if let other = names.updateValue(name, forKey: id) {
        throw TuneError(
          .malformedFile, "the special tokens \(other) and \(name) have the same id \(id)",
          at: .init(file: file, key: "added_tokens"))
      }
    }
    self.ids = ids
    beginOfText = try required("<|begin_of_text|>")
    endOfText = try required("<|end_of_text|>")
    startHeader = try required("<|start_header_id|>")
    endHeader = try required("<|end_header_id|>")
    endOfTurn = try required("<|eot_id|>")
    // The first Llama 3 has neither of these two.
    endOfMessage = ids["<|eom_id|>"] ?? endOfTurn
    pad = ids["<|finetune_right_pad_id|>"] ?? endOfText
    pythonTag = ids["<|python_tag|>"]
  }
}
