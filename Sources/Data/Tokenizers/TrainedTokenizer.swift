// A learned vocabulary, written in both formats, which give equal ids: tokenizer.model with tiktoken
// ranks, and tokenizer.json for Hugging Face's tokenizers, with Llama 3's special tokens after it.
import Essentials
import Foundation

package struct TrainedTokenizer: Sendable {
  /// The bytes of each token; its place is its id and its rank.
  package let tokens: [[UInt8]]
  package let specialTokenCount: Int

  package var vocabularySize: Int { tokens.count + specialTokenCount }

  /// Writes tokenizer.model, tokenizer.json and tokenizer_config.json into an existing folder.
  package func write(toFolder folder: String) throws {
    func write(_ text: String, _ name: String) throws {
      try AtomicFile.write(Data(text.utf8), to: (folder as NSString).appendingPathComponent(name))
    }
    try write(modelText, "tokenizer.model")
    try write(json.text(), "tokenizer.json")
    try write(Self.configuration.text(indented: true), "tokenizer_config.json")
  }

  var modelText: String {
    tokens.enumerated().map { "\(Data($1).base64EncodedString()) \($0)\n" }.joined()
  }

  var json: JSON {
    let special = SpecialTokens.inOrder(after: tokens.count, count: specialTokenCount)
    return [
      "version": "1.0", "truncation": .null, "padding": .null,
      "added_tokens": .array(special.map { Self.addedToken($0.name, $0.id) }),
      "normalizer": .null, "pre_tokenizer": Self.preTokenizer,
      "post_processor": Self.postProcessor(bos: special[0]),
      "decoder": Self.byteLevel, "model": model,
    ]
  }

  private var model: JSON {
    var vocabulary = JSONObject()
    let spelled = tokens.map { ByteAlphabet.encode($0) }
    for (id, token) in spelled.enumerated() { vocabulary[token] = .integer(id) }
    return [
      "type": "BPE", "dropout": .null, "unk_token": .null, "continuing_subword_prefix": .null,
      "end_of_word_suffix": .null, "fuse_unk": false, "byte_fallback": false,
      // A piece that is a token as a whole stays whole, as tiktoken has it.
      "ignore_merges": true, "vocab": .object(vocabulary),
      "merges": .array(merges.map { .string("\(spelled[$0.left]) \(spelled[$0.right])") }),
    ]
  }

  /// tiktoken merges any two tokens that make a token, so the list names them all: by the rank of
  /// what they make, then by their own ranks.
  private var merges: [(left: Int, right: Int)] {
    let table = TokenTable(
      tokens.enumerated().map { ($1, Int32($0)) }, idLimit: tokens.count)
    var merges: [(merged: Int32, left: Int32, right: Int32)] = []
    TokenizerModel.forEachMerge(of: table) { merges.append(($2, $0, $1)) }
    merges.sort { $0 < $1 }
    return merges.map { (Int($0.left), Int($0.right)) }
  }

  private static func addedToken(_ name: String, _ id: Int32) -> JSON {
    [
      "id": .integer(Int(id)), "content": .string(name), "single_word": false, "lstrip": false,
      "rstrip": false, "normalized": false, "special": true,
    ]
  }

  private static let byteLevel: JSON = [
    "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false,
  ]
  private static let preTokenizer: JSON = [
    "type": "Sequence",
    "pretokenizers": [
      [
        "type": "Split", "pattern": ["Regex": .string(PieceSplitter.llama3Pattern)],
        "behavior": "Isolated", "invert": false,
      ],
      byteLevel,
    ],
  ]

  /// Puts BOS before each text when special tokens are asked for.
  private static func postProcessor(bos: (name: String, id: Int32)) -> JSON {
    func token(_ type: Int) -> JSON {
      ["SpecialToken": ["id": .string(bos.name), "type_id": .integer(type)]]
    }
    func sequence(_ id: String, _ type: Int) -> JSON {
      ["Sequence": ["id": .string(id), "type_id": .integer(type)]]
    }
    let entry: JSON = [
      "id": .string(bos.name), "ids": [.integer(Int(bos.id))], "tokens": [.string(bos.name)],
    ]
    return [
      "type": "TemplateProcessing", "single": [token(0), sequence("A", 0)],
      "pair": [token(0), sequence("A", 0), token(1), sequence("B", 1)],
      "special_tokens": .object([bos.name: entry]),
    ]
  }

  private static let configuration: JSON = [
    "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|begin_of_text|>",
    "eos_token": "<|end_of_text|>", "pad_token": "<|finetune_right_pad_id|>",
    "clean_up_tokenization_spaces": false, "model_input_names": ["input_ids", "attention_mask"],
    "chat_template": .string(chatTemplate),
  ]

  /// Llama 3's chat format as a Jinja template.
  private static let chatTemplate =
    "{% for message in messages %}{% if loop.first %}{{ bos_token }}{% endif %}"
    + "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}"
    + "{{ message['content'] | trim }}{{ '<|eot_id|>' }}{% endfor %}"
    + "{% if add_generation_prompt %}"
    + "{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"
}
