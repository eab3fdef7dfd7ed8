// Tokenizers by the names of torchtune's builders, and ours.
import Essentials
import Templates

package enum TokenizerChoice: String, ComponentChoice {
  case llama2 = "torchtune.models.llama2.llama2_tokenizer"
  case llama3 = "torchtune.models.llama3.llama3_tokenizer"
  case qwen2 = "torchtune.models.qwen2.qwen2_tokenizer"
  case qwen25 = "torchtune.models.qwen2_5.qwen2_5_tokenizer"
  case qwen3 = "torchtune.models.qwen3.qwen3_tokenizer"
  case huggingFace = "torchtune.modules.transforms.tokenizers.HuggingFaceModelTokenizer"
  case tokenizerJSON = "swift_tune.tokenizers.tokenizer_json"
  package static let role = ComponentRole.tokenizer
}

extension Keys {
  package enum Tokenizer {
    package static let path = Key.required("path", .string, "The tokenizer.model file")
    package static let merges = Key.nullable(
      "merges_file", .string, "The merges.txt of vocab.json; null with a tokenizer.json")
    package static let specialTokens = Key.nullable(
      "special_tokens_path", .string, "A tokenizer.json, or a JSON map, with the special tokens")
    package static let tokenizerJSON = Key.required(
      "tokenizer_json_path", .string, "The tokenizer.json file")
    package static let tokenizerConfiguration = Key.nullable(
      "tokenizer_config_json_path", .string,
      "The tokenizer_config.json file, which names special tokens and has the chat template")
    package static let generationConfiguration = Key.nullable(
      "generation_config_path", .string,
      "The generation_config.json file, whose ids count where the other names no token")
    package static let truncation = Key.optional(
      "truncation_type", .choice(["right", "left"]), default: "right",
      "The end at which conversations are truncated")
    package static let longestSequence = Key.nullable(
      "max_seq_len", .int(1...(1 << 30)), "Truncate samples to this many tokens")
    package static let template = Key.nullable(
      "prompt_template",
      .either(
        KeyType.mapOf(.list(.string, count: 2)).read { Template.texts($0) },
        KeyType.string.read { Template.component($0) }),
      "Prompt template: a dot path, or a map from roles to [before, after]")

    package enum Template: Sendable {
      /// Before and after the messages of a role.
      case texts([String: [String]])
      case component(String)
    }
  }
}

extension Components {
  static let tokenizers: [ComponentDeclaration] = [
    ComponentDeclaration(
      TokenizerChoice.llama2, "The Llama 2 tokenizer from a SentencePiece tokenizer.model"
    ) {
      Keys.Tokenizer.path
      Keys.Tokenizer.longestSequence
      truncation
      Keys.Tokenizer.template.defaulting(to: "torchtune.models.llama2.Llama2ChatTemplate")
    },
    ComponentDeclaration(
      TokenizerChoice.llama3, "The Llama 3 tokenizer from a tiktoken tokenizer.model"
    ) {
      Keys.Tokenizer.path
      Keys.Tokenizer.specialTokens
      Keys.Tokenizer.longestSequence
      truncation
      Keys.Tokenizer.template
    },
    qwen(.qwen2, "Qwen 2"),
    qwen(.qwen25, "Qwen 2.5"),
    qwen(.qwen3, "Qwen 3"),
    ComponentDeclaration(
      TokenizerChoice.huggingFace,
      "Any Hugging Face tokenizer.json, with the model's own chat template"
    ) {
      Keys.Tokenizer.tokenizerJSON
      Keys.Tokenizer.tokenizerConfiguration
      Keys.Tokenizer.generationConfiguration
      Keys.Tokenizer.longestSequence
      Keys.Tokenizer.truncation
    },
    ComponentDeclaration(
      TokenizerChoice.tokenizerJSON,
      "A Hugging Face tokenizer.json: Llama 3's, or any other with the files beside it"
    ) {
      Keys.Tokenizer.path.declared("The tokenizer.json file")
      Keys.Tokenizer.longestSequence
      Keys.Tokenizer.template
    },
  ]

  private static func qwen(_ choice: TokenizerChoice, _ name: String) -> ComponentDeclaration {
    ComponentDeclaration(
      choice, "The \(name) tokenizer from vocab.json and merges.txt, or from tokenizer.json"
    ) {
      Keys.Tokenizer.path.declared("The vocab.json or tokenizer.json file")
      Keys.Tokenizer.merges
      Keys.Tokenizer.specialTokens
      Keys.Tokenizer.longestSequence
      truncation
      Keys.Tokenizer.template
    }
  }

  private static let truncation = KeyDeclaration.fixed(
    "truncation_type", at: ["right"], because: "Only truncation at the end is supported.")
}

extension Section {
  /// The template of a tokenizer.
  /// - Throws: for one that does not exist, or a role that does not.
  package func promptTemplate() throws -> PromptTemplate? {
    switch self[ifDeclared: Keys.Tokenizer.template] {
    case .texts(let texts): try PromptTemplate(tags: texts)
    case .component(let path): try PromptTemplate(component: path)
    case nil: nil
    }
  }

  /// The files of a tokenizer that are named, each under its key.
  package var tokenizerFiles: [(key: String, path: String)] {
    let required = [Keys.Tokenizer.path, Keys.Tokenizer.tokenizerJSON].filter { declares($0) }
    let optional = [
      Keys.Tokenizer.merges, Keys.Tokenizer.specialTokens, Keys.Tokenizer.tokenizerConfiguration,
      Keys.Tokenizer.generationConfiguration,
    ]
    return required.map { ($0.name, self[$0]) }
      + optional.compactMap { key in self[ifDeclared: key].map { (key.name, $0) } }
  }
}
