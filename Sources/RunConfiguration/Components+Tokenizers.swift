// Tokenizers by the names of torchtune's builders, and ours.

extension Components {
  static let tokenizers: [ComponentDeclaration] = [
    ComponentDeclaration(
      .tokenizer, "torchtune.models.llama2.llama2_tokenizer",
      "The Llama 2 tokenizer from a SentencePiece tokenizer.model",
      arguments: [
        .required("path", .string, "The tokenizer.model file"), longestSequence, truncation,
        template(default: "torchtune.models.llama2.Llama2ChatTemplate"),
      ]),
    ComponentDeclaration(
      .tokenizer, "torchtune.models.llama3.llama3_tokenizer",
      "The Llama 3 tokenizer from a tokenizer.model of tiktoken ranks",
      arguments: [
        .required("path", .string, "The tokenizer.model file"), specialTokens, longestSequence,
        truncation, template(),
      ]),
    qwen("qwen2.qwen2_tokenizer", "Qwen 2"),
    qwen("qwen2_5.qwen2_5_tokenizer", "Qwen 2.5"),
    qwen("qwen3.qwen3_tokenizer", "Qwen 3"),
    ComponentDeclaration(
      .tokenizer, "swift_tune.tokenizers.tokenizer_json",
      "A byte-level BPE tokenizer from a Hugging Face tokenizer.json",
      arguments: [
        .required("path", .string, "The tokenizer.json file"), longestSequence, template(),
      ]),
  ]

  private static func qwen(_ path: String, _ name: String) -> ComponentDeclaration {
    ComponentDeclaration(
      .tokenizer, "torchtune.models." + path,
      "The \(name) tokenizer from vocab.json and merges.txt, or from tokenizer.json",
      arguments: [
        .required("path", .string, "The vocab.json or tokenizer.json file"),
        .nullable(
          "merges_file", .string, "The merges.txt of vocab.json; null with a tokenizer.json"),
        specialTokens, longestSequence, truncation, template(),
      ])
  }

  private static let longestSequence = KeyDeclaration.nullable(
    "max_seq_len", .int(1...(1 << 30)), "Samples are cut to this many tokens")

  private static let truncation = KeyDeclaration.fixed(
    "truncation_type", at: ["right"], because: "Samples are cut at their end.")

  private static let specialTokens = KeyDeclaration.nullable(
    "special_tokens_path", .string, "A tokenizer.json or map whose special tokens to use")

  /// A dot path, or a map of roles to the texts before and after their messages.
  private static func template(default value: ConfigurationValue = .null) -> KeyDeclaration {
    .nullable(
      "prompt_template", .either([.mapOf(.list(.string, count: 2)), .string]), default: value,
      "What stands around messages: a template's dot path, or texts by role")
  }
}
