// Datasets with the arguments of torchtune's builders and of Hugging Face's `load_dataset`, which they
// hand theirs to.
import Configuration

package enum DatasetChoice: String, ComponentChoice {
  case alpaca = "torchtune.datasets.alpaca_dataset"
  case cleanedAlpaca = "torchtune.datasets.alpaca_cleaned_dataset"
  case instruct = "torchtune.datasets.instruct_dataset"
  case chat = "torchtune.datasets.chat_dataset"
  case grammar = "torchtune.datasets.grammar_dataset"
  case samsum = "torchtune.datasets.samsum_dataset"
  case slimOrca = "torchtune.datasets.slimorca_dataset"
  case textCompletion = "torchtune.datasets.text_completion_dataset"
  case wikitext = "torchtune.datasets.wikitext_dataset"
  case cnnDailyMailArticles = "torchtune.datasets.cnn_dailymail_articles_dataset"
  case auto = "swift_tune.datasets.auto_dataset"
  package static let role = ComponentRole.dataset
}

extension Components {
  static let datasets: [ComponentDeclaration] = [
    dataset(.alpaca, "Alpaca data: instruction, input and output") {
      Keys.Dataset.source.defaulting(to: "tatsu-lab/alpaca")
      Keys.Dataset.columns
      Keys.Dataset.trainsOnInput.defaulting(to: true)
      Keys.Dataset.packed
    },
    dataset(.cleanedAlpaca, "alpaca_dataset on the cleaned Alpaca data") {
      Keys.Dataset.source.defaulting(to: "yahma/alpaca-cleaned")
      Keys.Dataset.columns
      Keys.Dataset.trainsOnInput.defaulting(to: true)
      Keys.Dataset.packed
    },
    dataset(.instruct, "Pairs of an input and an output") {
      Keys.Dataset.source
      Keys.Dataset.columns
      prompted
    },
    dataset(.chat, "Conversations of several turns") {
      Keys.Dataset.source
      Keys.Dataset.conversationColumn
      Keys.Dataset.conversationStyle
      prompted
    },
    dataset(.grammar, "Sentences and their corrections") {
      Keys.Dataset.source.defaulting(to: "liweili/c4_200m")
      Keys.Dataset.columns
      prompted
    },
    dataset(.samsum, "Dialogues and their summaries") {
      Keys.Dataset.source.defaulting(to: "Samsung/samsum")
      Keys.Dataset.columns
      prompted
    },
    dataset(.slimOrca, "Conversations in the ShareGPT style") {
      Keys.Dataset.source.defaulting(to: "Open-Orca/SlimOrca-Dedup")
      Keys.Dataset.columns
      prompted
    },
    dataset(.textCompletion, "Plain text") {
      Keys.Dataset.source
      Keys.Dataset.column
      Keys.Dataset.endsTexts
      Keys.Dataset.splitsAcrossPacks
      Keys.Dataset.packed
    },
    dataset(.wikitext, "Articles of Wikipedia", namesConfiguration: false) {
      Keys.Dataset.source.defaulting(to: "EleutherAI/wikitext_document_level")
      Keys.Dataset.subset
      Keys.Dataset.longestText
      Keys.Dataset.packed
    },
    dataset(.cnnDailyMailArticles, "News articles") {
      Keys.Dataset.source.defaulting(to: "ccdv/cnn_dailymail")
      Keys.Dataset.longestText
    },
    dataset(
      .auto, "Chats, prompts and completions, instructions, questions or text, by their columns"
    ) {
      Keys.Dataset.source
      Keys.Dataset.formatColumns
      prompted
    },
  ]

  private static func dataset(
    _ choice: DatasetChoice, _ summary: String, namesConfiguration: Bool = true,
    @KeyList _ arguments: () -> [KeyDeclaration]
  ) -> ComponentDeclaration {
    ComponentDeclaration(choice, summary) {
      arguments()
      namesConfiguration ? [Keys.Dataset.configurationName.declaration] : []
      loading
    }
  }

  @KeyList private static var prompted: [KeyDeclaration] {
    Keys.Dataset.trainsOnInput.defaulting(to: false)
    Keys.Dataset.systemPrompt
    Keys.Dataset.packed
  }

  /// Which records are read, and how.
  @KeyList private static var loading: [KeyDeclaration] {
    Keys.Dataset.split
    Keys.Dataset.files
    Keys.Dataset.folder
    Keys.Dataset.revision
    Keys.Dataset.streams
    Keys.Dataset.shuffleBufferSize
    Keys.Dataset.sampledBy
    Keys.Dataset.keepsLineBreaks
    Keys.Dataset.delimiter
    Keys.Dataset.separator
    Keys.Dataset.field
    Keys.Dataset.weight
    refusedLoading
  }

  private static let refusedLoading: [KeyDeclaration] = [
    .fixed(
      "filter_fn", at: [.null],
      because: "Python functions are not supported. Filter the file instead."),
    .fixed("token", at: [.null], because: "The Hub's token is read from HF_TOKEN."),
    .fixed(
      "cache_dir", at: [.null], because: "Set HF_HUB_CACHE or HF_HOME instead."),
    .fixed("download_mode", at: [.null], because: "Complete files in the cache are always reused."),
    .fixed(
      "verification_mode", at: [.null], because: "Every downloaded file is always checked."),
    .fixed("num_proc", at: [.null], because: "Records are read by the process that trains."),
    .fixed(
      "trust_remote_code", at: [false, .null], because: "Python code is not supported."),
    .fixed(
      "storage_options", at: [.null],
      because: "Only local files and the Hugging Face Hub are supported."),
  ]

  static let refusedDatasets = [
    RefusedComponent(
      role: .dataset,
      paths: spellings("preference_dataset", in: ["torchtune.datasets"])
        + spellings("stack_exchange_paired_dataset", in: ["torchtune.datasets"])
        + spellings("hh_rlhf_helpful_dataset", in: ["torchtune.datasets"]),
      reason: "Preference recipes are not supported yet. Use chat_dataset "
        + "with conversation_column: chosen to train on the preferred answers."),
    RefusedComponent(
      role: .dataset,
      paths: ["the_cauldron", "llava_instruct", "multimodal_chat", "vqa"].map {
        "torchtune.datasets.multimodal.\($0)_dataset"
      },
      reason: "Models with images are not supported yet."),
  ]
}
