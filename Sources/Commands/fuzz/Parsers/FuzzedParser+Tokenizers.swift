// Files of tokenizers. What loads must also encode and decode any text.
import Essentials
import Templates
import Tokenizers

extension FuzzedParser {
  private static let texts = [
    "the rain \u{1F600}<|eot_id|><s>e\u{301} 12", "", " \n\t a  b\u{A0}\u{3000}",
    "\u{FB01}\u{212B}\u{AC01}\u{11A8} 字",
  ]

  private static func use(_ tokenizer: some Tokenizer) throws {
    for text in texts {
      let ids = try tokenizer.encode(text)
      _ = tokenizer.decode(ids + [-1, 0, .max, .min])
    }
    do {
      _ = try tokenizer.tokenize([
        .init(.user, "a"), .init(.assistant, "b"),
      ])
    } catch is TuneError {}
  }

  private static let words = [
    "\"type\":\"Sequence\"", "\"type\":\"Unigram\"", "\"type\":\"BPE\"", "\"type\":\"WordPiece\"",
    "\"type\":\"WordLevel\"", "\"type\":\"ByteLevel\"", "\"type\":\"Metaspace\"",
    "\"type\":\"Split\"",
    "\"Regex\":\"", "\"String\":\"", "\"type\":\"TemplateProcessing\"", "\"type\":\"Precompiled\"",
    "\"type\":\"Replace\"", "\"type\":\"Strip\"", "\"type\":\"NFKC\"",
    "\"type\":\"BertPreTokenizer\"",
    "(?i)", "\\\\p{L}", "(a+)+$", "[^", "{1,9999}", "null", "true", "[]", "{}", "\\u0000", "<0x41>",
    "##",
  ]

  /// A tokenizer.json of any model, with a generation_config.json that says what its texts end with.
  static func tokenizer(_ place: Place) throws -> FuzzedParser {
    let cases =
      try JSON.load(
        path: place.fixtures + "/TokenizersTests/Fixtures/tokenizers/hugging_face.json")["cases"]?
      .array ?? []
    let small = cases.compactMap { $0["tokenizer"] }.map { Array($0.text().utf8) }.filter {
      $0.count < 8000
    }
    let reports = try ["digits", "ids", "missing_bytes", "nfc"].map {
      try place.bytes("TokenizersTests/Fixtures/tokenizer_reports/\($0).json")
    }
    // Their tokens differ; an id needs none of a name.
    let generation = try place.write(Array(#"{"eos_token_id": 1}"#.utf8), "generation_config.json")
    return FuzzedParser(seeds: small + reports, words: words) { input in
      let path = try place.write(input, "tokenizer.json")
      do { try use(Llama3Tokenizer(path: path)) } catch is TuneError {}
      try use(HuggingFaceModelTokenizer(tokenizerJSONPath: path, generationConfigPath: generation))
    }
  }

  /// A tokenizer_config.json, a NUL and a generation_config.json, beside a sound tokenizer.json.
  static func pretrained(_ place: Place) throws -> FuzzedParser {
    let cases =
      try JSON.load(
        path: place.fixtures + "/TokenizersTests/Fixtures/tokenizers/hugging_face.json")["cases"]?
      .array ?? []
    let sound = cases.first { $0["name"] == "added" }?["tokenizer"] ?? .null
    try place.write(Array(sound.text().utf8), "tokenizer.json")
    let template =
      "{% for m in messages %}{{ m.role }}: {{ m['content'] | trim }}{{ eos_token }}{% endfor %}"
    let config: JSON = [
      "bos_token": "<s>", "eos_token": ["content": "</s>", "lstrip": false], "pad_token": .null,
      "chat_template": .string(template), "model_max_length": 1_000_000_000_000,
      "added_tokens_decoder": ["0": ["content": "<s>"]],
    ]
    let list: JSON = [
      "eos_token": "</s>", "chat_template": [["name": "default", "template": .string(template)]],
    ]
    let generation = #"{"eos_token_id": [1, 2], "pad_token_id": 0, "bos_token_id": null}"#
    return FuzzedParser(
      seeds: [config, list].map { Array(($0.text() + "\u{0}" + generation).utf8) },
      words: [
        "null", "[]", "{}", "\"content\":", "\"</s>\"", "\"eos_token\":", "{{", "}}", "-1",
        "99999999999",
      ]
    ) { input in
      let (config, generation) = split(input)
      try place.write(config, "tokenizer_config.json")
      try place.write(generation, "generation_config.json")
      try use(HuggingFaceModelTokenizer(folder: place.scratch))
    }
  }

  /// A tokenizer.model of tiktoken: a token in base 64 and its rank a line.
  static func tiktoken(_ place: Place) throws -> FuzzedParser {
    let whole = try place.bytes("TokenizersTests/Fixtures/tokenizer_tiny/tokenizer.model")
    return FuzzedParser(seeds: [whole], words: ["\n", " ", "=", "==", "IQ==", " 0\n", "\r\n"]) {
      input in
      try use(Llama3Tokenizer(path: place.write(input, "tokenizer.model")))
    }
  }

  static func sentencepiece(_ place: Place) throws -> FuzzedParser {
    let names = [
      "TokenizersTests/Fixtures/tokenizers/tokenizer.model", "TuneTests/Fixtures/letters.model",
      "GGUFTests/Fixtures/scored.model", "GGUFTests/Fixtures/gemma.model",
    ]
    return FuzzedParser(
      seeds: try names.map(place.bytes),
      words: ["\n", "\u{12}", "\u{15}", "\u{18}", "▁", "<0x0A>", "<unk>"]
    ) { input in try use(Llama2Tokenizer(path: place.write(input, "tokenizer.model"))) }
  }

  /// Qwen's vocab.json, a NUL, and its merges.txt.
  static func qwen(_ place: Place) throws -> FuzzedParser {
    let folder = "TokenizersTests/Fixtures/tokenizers/"
    let whole = try place.bytes(folder + "vocab.json") + [0] + place.bytes(folder + "merges.txt")
    return FuzzedParser(
      seeds: [whole], words: ["\"", ":", ",", "\n", " ", "#version: 0.2\n", "Ġ", "-1", "{", "}"]
    ) { input in
      let (vocabulary, merges) = split(input)
      try use(
        QwenTokenizer(
          .qwen25, path: place.write(vocabulary, "vocab.json"),
          mergesPath: place.write(merges, "merges.txt")))
    }
  }
}
