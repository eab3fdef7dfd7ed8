// Datasets with the arguments of torchtune's builders and of Hugging Face's `load_dataset`, which they
// hand theirs to.

extension Components {
  static let datasets: [ComponentDeclaration] = [
    dataset(
      "alpaca", "Instruction, input and output, as the Alpaca data has them",
      [source(default: "tatsu-lab/alpaca"), columns, trainOnInput(default: true), packed]),
    dataset(
      "alpaca_cleaned", "alpaca_dataset on the cleaned Alpaca data",
      [source(default: "yahma/alpaca-cleaned"), columns, trainOnInput(default: true), packed]),
    dataset(
      "instruct", "Pairs of an input and an output",
      [source(), columns, trainOnInput(default: false), systemPrompt, packed]),
    dataset(
      "chat", "Conversations of several turns",
      [
        source(),
        .required("conversation_column", .string, "The field that holds the turns"),
        .required(
          "conversation_style", .choice(["sharegpt", "openai"]), "How a turn is written"),
        trainOnInput(default: false), systemPrompt, packed,
      ]),
    dataset(
      "grammar", "Sentences and their corrections",
      [
        source(default: "liweili/c4_200m"), columns, trainOnInput(default: false), systemPrompt,
        packed,
      ]),
    dataset(
      "samsum", "Dialogues and their summaries",
      [
        source(default: "Samsung/samsum"), columns, trainOnInput(default: false), systemPrompt,
        packed,
      ]),
    dataset(
      "slimorca", "Conversations in the ShareGPT style",
      [
        source(default: "Open-Orca/SlimOrca-Dedup"), columns, trainOnInput(default: false),
        systemPrompt, packed,
      ]),
    dataset(
      "text_completion", "Plain text",
      [
        source(),
        .optional("column", .string, default: "text", "The field that holds the text"),
        .optional("add_eos", .bool, default: true, "End each text with the end-of-text token"),
        .optional(
          "split_across_pack", .bool, default: true,
          "Let a text that does not fit into a pack go on in the next"),
        packed,
      ]),
    dataset(
      "wikitext", "Articles of Wikipedia",
      [
        source(default: "EleutherAI/wikitext_document_level"),
        .optional(
          "subset", .string, default: "wikitext-103-v1", "The configuration of the dataset"),
        longestText, packed,
      ], namesConfiguration: false),
    dataset(
      "cnn_dailymail_articles", "News articles",
      [source(default: "ccdv/cnn_dailymail"), longestText]),
  ]

  private static func dataset(
    _ name: String, _ summary: String, _ arguments: [KeyDeclaration],
    namesConfiguration: Bool = true
  ) -> ComponentDeclaration {
    ComponentDeclaration(
      .dataset, "torchtune.datasets.\(name)_dataset", summary,
      arguments: arguments + (namesConfiguration ? [configurationName] : []) + loading)
  }

  private static func source(default value: String? = nil) -> KeyDeclaration {
    let summary =
      "A dataset of the Hub, a local file or folder, or the kind of data_files: json, csv, "
      + "parquet or text"
    return value.map { .optional("source", .string, default: .string($0), summary) }
      ?? .required("source", .string, summary)
  }

  private static let columns = KeyDeclaration.nullable(
    "column_map", .mapOf(.string), "The names that the expected fields have in the data")

  private static func trainOnInput(default value: Bool) -> KeyDeclaration {
    .optional(
      "train_on_input", .bool, default: .bool(value), "Whether the prompt counts in the loss")
  }

  private static let packed = KeyDeclaration.optional(
    "packed", .bool, default: false, "Fill sequences of max_seq_len with several samples")
  private static let systemPrompt = KeyDeclaration.nullable(
    "new_system_prompt", .string, "A system prompt for every sample")
  private static let longestText = KeyDeclaration.nullable(
    "max_seq_len", .int(2...(1 << 30)), "Texts are cut to this many tokens")
  private static let configurationName = KeyDeclaration.nullable(
    "name", .string, "The configuration of the dataset, where its card lists several")

  /// Which records are read, and how.
  private static let loading: [KeyDeclaration] =
    [
      .optional("split", .string, default: "train", "The part to use, such as train[:95%]"),
      .nullable(
        "data_files", .either([.mapOf(.list(.string)), .list(.string)]),
        "Files or patterns, of the split train or by split"),
      .nullable("data_dir", .string, "A folder inside the source that takes its place"),
      .nullable("revision", .string, "The branch, tag or commit of a dataset of the Hub"),
      .optional(
        "streaming", .bool, default: false,
        "Read records as they are needed, for data larger than memory"),
      .optional(
        "shuffle_buffer_size", .int(1...(1 << 30)), default: 10_000,
        "Streamed data is shuffled among this many records"),
      .optional(
        "sample_by", .choice(["line", "paragraph", "document"]), default: "line",
        "What a record of a text file is"),
      .optional(
        "keep_linebreaks", .bool, default: false, "Whether a line of a text file keeps its end"),
      .nullable("delimiter", .string, "What separates the cells of a CSV file"),
      .nullable("sep", .string, "Another name of delimiter"),
      .nullable("field", .string, "The key of a JSON object that holds the list of records"),
      .nullable(
        "weight", .double(1e-9...1e9),
        "The share of this dataset in a list of them; all of a list or none has one"),
    ] + refusedLoading

  private static let refusedLoading: [KeyDeclaration] = [
    .fixed(
      "filter_fn", at: [.null],
      because: "A filter is a Python function, and none can run here: filter the file."),
    .fixed("token", at: [.null], because: "The Hub's token is read from HF_TOKEN."),
    .fixed(
      "cache_dir", at: [.null], because: "Datasets are kept where HF_HUB_CACHE or HF_HOME says."),
    .fixed("download_mode", at: [.null], because: "What is in the cache is used when it is whole."),
    .fixed(
      "verification_mode", at: [.null], because: "Every downloaded file is checked."),
    .fixed("num_proc", at: [.null], because: "Records are read by the process that trains."),
    .fixed(
      "trust_remote_code", at: [false, .null], because: "A dataset's Python code cannot run here."),
    .fixed("storage_options", at: [.null], because: "There are local files and the Hub."),
  ]

  static let refusedDatasets = [
    RefusedComponent(
      role: .dataset,
      paths: spellings("preference_dataset", in: ["torchtune.datasets"])
        + spellings("stack_exchange_paired_dataset", in: ["torchtune.datasets"])
        + spellings("hh_rlhf_helpful_dataset", in: ["torchtune.datasets"]),
      reason: "Preference data needs a preference recipe, and there is none. Use chat_dataset "
        + "with conversation_column: chosen to train on the preferred answers."),
    RefusedComponent(
      role: .dataset,
      paths: ["the_cauldron", "llava_instruct", "multimodal_chat", "vqa"].map {
        "torchtune.datasets.multimodal.\($0)_dataset"
      },
      reason: "There are no models here that see images."),
  ]
}
