// Decoders and tokenizers of the Llama 3 families. A preset such as `llama3_8b` is its family with
// fixed arguments, so that recipes read the same keys whichever way the model was named.

extension Components {
  static let models: [ComponentDeclaration] = [
    ComponentDeclaration(
      .model, llama3,
      "A Llama 3 decoder of any size", arguments: decoder),
    ComponentDeclaration(
      .model, llama31, "A Llama 3.1 decoder of any size: Llama 3 with scaled rotary frequencies",
      arguments: decoder + [scaleFactor(8)]),
    ComponentDeclaration(
      .model, llama32, "A Llama 3.2 decoder of any size: Llama 3.1 with tied embeddings",
      arguments: decoder + [scaleFactor(32), tied]),
    ComponentDeclaration(
      .model, "torchtune.models.llama3.llama3_8b", "Llama 3 8B",
      preset: size(layers: 32, heads: 32, width: 4096, inner: 14336, tokens: 8192),
      family: llama3),
    ComponentDeclaration(
      .model, "torchtune.models.llama3_1.llama3_1_8b", "Llama 3.1 8B",
      preset: size(layers: 32, heads: 32, width: 4096, inner: 14336, tokens: 131_072)
        + [("scale_factor", 8)],
      family: llama31),
    ComponentDeclaration(
      .model, "torchtune.models.llama3_2.llama3_2_1b", "Llama 3.2 1B", arguments: [tied],
      preset: size(layers: 16, heads: 32, width: 2048, inner: 8192, tokens: 131_072)
        + [("scale_factor", 32)],
      family: llama32),
    ComponentDeclaration(
      .model, "torchtune.models.llama3_2.llama3_2_3b", "Llama 3.2 3B", arguments: [tied],
      preset: size(layers: 28, heads: 24, width: 3072, inner: 8192, tokens: 131_072)
        + [("scale_factor", 32)],
      family: llama32),
  ]

  static let tokenizers: [ComponentDeclaration] = [
    ComponentDeclaration(
      .tokenizer, "torchtune.models.llama3.llama3_tokenizer",
      "The Llama 3 tokenizer from a tokenizer.model of tiktoken ranks",
      arguments: [
        .required("path", .string, "The tokenizer.model file"),
        .nullable(
          "special_tokens_path", .string, "A tokenizer.json or map whose special tokens to use"),
        longestSequence,
        .fixed(
          "prompt_template", at: [.null],
          because: "Prompt templates are not supported: datasets bring their own format."),
      ]),
    ComponentDeclaration(
      .tokenizer, "swift_tune.tokenizers.tokenizer_json",
      "A byte-level BPE tokenizer from a Hugging Face tokenizer.json",
      arguments: [.required("path", .string, "The tokenizer.json file"), longestSequence]),
  ]

  private static let llama3 = "torchtune.models.llama3.llama3"
  private static let llama31 = "torchtune.models.llama3_1.llama3_1"
  private static let llama32 = "torchtune.models.llama3_2.llama3_2"

  private static let count = ValueType.int(1...(1 << 30))

  private static let longestSequence = KeyDeclaration.nullable(
    "max_seq_len", count, "Samples are cut to this many tokens")

  private static let decoder: [KeyDeclaration] = [
    .required("vocab_size", count, "The number of token ids"),
    .required("num_layers", .int(1...4096), "The number of transformer blocks"),
    .required("num_heads", count, "The number of query heads"),
    .required("num_kv_heads", count, "The number of key and value heads"),
    .required("embed_dim", count, "The width of the residual stream"),
    .required("max_seq_len", count, "The longest sequence that the model can see"),
    .fixed(
      "attn_dropout", at: [0.0],
      because: "Attention dropout is not supported: no Llama 3 model is trained with it."),
    .optional(
      "rope_base", .double(1...1e12), default: 500_000.0, "The base of the rotary frequencies"),
    .nullable(
      "intermediate_dim", count, "The width inside the feed-forward layers; null derives it"),
    .optional("norm_eps", .double(0...1), default: 1e-5, "Added under the root of RMS norms"),
  ]

  private static func scaleFactor(_ value: Int) -> KeyDeclaration {
    .optional(
      "scale_factor", count, default: .int(value), "How far the rotary frequencies are stretched")
  }

  private static let tied = KeyDeclaration.optional(
    "tie_word_embeddings", .bool, default: true,
    "Whether the output head shares the token embedding")

  private static func size(layers: Int, heads: Int, width: Int, inner: Int, tokens: Int)
    -> [(key: String, value: ConfigurationValue)]
  {
    [
      ("vocab_size", 128_256), ("num_layers", .int(layers)), ("num_heads", .int(heads)),
      ("num_kv_heads", 8), ("embed_dim", .int(width)), ("max_seq_len", .int(tokens)),
      ("intermediate_dim", .int(inner)), ("rope_base", 500_000.0), ("norm_eps", 1e-5),
    ]
  }
}
