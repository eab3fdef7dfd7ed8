// Tokenizers by the names of torchtune's builders, and ours.
import Configuration
import Essentials
import Templates

package enum TokenizerChoice: String, ComponentChoice {
  case llama2 = "torchtune.models.llama2.llama2_tokenizer"
  case llama3 = "torchtune.models.llama3.llama3_tokenizer"
  case qwen2 = "torchtune.models.qwen2.qwen2_tokenizer"
  case qwen25 = "torchtune.models.qwen2_5.qwen2_5_tokenizer"
  case qwen3 = "torchtune.models.qwen3.qwen3_tokenizer"
  case tokenizerJSON = "swift_tune.tokenizers.tokenizer_json"
  case huggingFace = "torchtune.modules.transforms.tokenizers.HuggingFaceModelTokenizer"
  case checkpoint = "swift_tune.tokenizers.checkpoint"
  package static let role = ComponentRole.tokenizer
}

/// torchtune's prompt templates by their dot paths.
package enum PromptTemplateChoice: String, CaseIterable, Sendable {
  case chatML = "torchtune.data.ChatMLTemplate"
  case grammarErrorCorrection = "torchtune.data.GrammarErrorCorrectionTemplate"
  case questionAnswer = "torchtune.data.QuestionAnswerTemplate"
  case summarize = "torchtune.data.SummarizeTemplate"
  case llama2Chat = "torchtune.models.llama2.Llama2ChatTemplate"

  var template: PromptTemplate {
    switch self {
    case .chatML: .chatML
    case .grammarErrorCorrection: .grammarErrorCorrection
    case .questionAnswer: .questionAnswer
    case .summarize: .summarize
    case .llama2Chat: .llama2Chat
    }
  }
}

extension Keys {
  package enum Tokenizer {
    package static let path = Key.required("path", .path, "The tokenizer.model file")
    package static let merges = Key.nullable(
      "merges_file", .path, "The merges.txt of vocab.json; null with a tokenizer.json")
    package static let specialTokens = Key.nullable(
      "special_tokens_path", .path, "A tokenizer.json, or a JSON map, with the special tokens")
    package static let longestSequence = Key.nullable(
      "max_seq_len", .int(1...(1 << 30)), "Truncate samples to this many tokens")
    package static let json = Key.required(
      "tokenizer_json_path", .path, "The tokenizer.json file")
    package static let configuration = Key.nullable(
      "tokenizer_config_json_path", .path,
      "The tokenizer_config.json, with the special tokens and the chat template")
    package static let generation = Key.nullable(
      "generation_config_path", .path, "The generation_config.json, with the stop tokens")
    package static let folder = Key.nullable(
      "folder", .path, "The model folder; null takes checkpointer.checkpoint_dir")
    package static let truncatedEnd = Key.optional(
      "truncation_type", .choice(["right", "left"]), default: "right",
      "Which end of a sample is cut")
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
      Keys.Tokenizer.template.defaulting(to: .string(PromptTemplateChoice.llama2Chat.rawValue))
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
      TokenizerChoice.tokenizerJSON,
      "A Hugging Face tokenizer.json: Llama 3's, or any other with the files beside it"
    ) {
      Keys.Tokenizer.path.declared("The tokenizer.json file")
      Keys.Tokenizer.longestSequence
      Keys.Tokenizer.template
    },
    ComponentDeclaration(
      TokenizerChoice.huggingFace,
      aliases: spellings(
        "HuggingFaceModelTokenizer",
        in: [
          "torchtune.modules.transforms.tokenizers._hf_tokenizer", "torchtune.modules.tokenizers",
        ]
      ),
      "Any Hugging Face tokenizer.json, with the chat template beside it"
    ) {
      Keys.Tokenizer.json
      Keys.Tokenizer.configuration
      Keys.Tokenizer.generation
      Keys.Tokenizer.longestSequence
      Keys.Tokenizer.truncatedEnd
    },
    ComponentDeclaration(
      TokenizerChoice.checkpoint,
      "The tokenizer and the chat template of a model folder"
    ) {
      Keys.Tokenizer.folder
      Keys.Tokenizer.longestSequence
      Keys.Tokenizer.truncatedEnd
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
    case .texts(let texts): return try PromptTemplate(tags: texts)
    case .component(let path):
      guard let choice = PromptTemplateChoice(rawValue: path) else { throw unknownTemplate(path) }
      return choice.template
    case nil: return nil
    }
  }

  private func unknownTemplate(_ path: String) -> TuneError {
    let known = PromptTemplateChoice.allCases.map(\.rawValue)
    return error(
      at: Keys.Tokenizer.template, "the prompt template '\(path)' is not known",
      remedy: nearestName(to: path, among: known).map { "Did you mean '\($0)'?" }
        ?? "Known templates: \(known.joined(separator: ", ")).")
  }

  /// The files of a tokenizer that are named, each under its key.
  package var tokenizerFiles: [(key: String, path: String)] {
    let keys = [
      Keys.Tokenizer.merges, Keys.Tokenizer.specialTokens, Keys.Tokenizer.configuration,
      Keys.Tokenizer.generation, Keys.Tokenizer.folder,
    ]
    let first: [(String, String)] =
      switch choice(TokenizerChoice.self) {
      case .checkpoint: []
      case .huggingFace: [(Keys.Tokenizer.json.name, self[Keys.Tokenizer.json])]
      case .llama2, .llama3, .qwen2, .qwen25, .qwen3, .tokenizerJSON:
        [(Keys.Tokenizer.path.name, self[Keys.Tokenizer.path])]
      }
    return first
      + keys.compactMap { key in self[ifDeclared: key].map { (key.name, $0) } }
  }
}
