// Datasets, with the arguments of torchtune 0.6.1. `data_files` is the one argument of Hugging
// Face's `load_dataset` that local files need.

extension Components {
  static let datasets: [ComponentDeclaration] = [
    ComponentDeclaration(
      .dataset, "torchtune.datasets.alpaca_dataset",
      "Instruction, input and output, as the Alpaca data has them",
      arguments: [
        source(default: "tatsu-lab/alpaca"), columns(),
        trainOnInput(default: true), packed, split, dataFiles, noFilter,
      ]),
    ComponentDeclaration(
      .dataset, "torchtune.datasets.alpaca_cleaned_dataset",
      "alpaca_dataset on the cleaned Alpaca data",
      arguments: [
        source(default: "yahma/alpaca-cleaned"), columns(),
        trainOnInput(default: true), packed, split, dataFiles, noFilter,
      ]),
    ComponentDeclaration(
      .dataset, "torchtune.datasets.instruct_dataset", "Pairs of an input and an output",
      arguments: [
        source(), columns(), trainOnInput(default: false), systemPrompt, packed, split,
        dataFiles, noFilter,
      ]),
    ComponentDeclaration(
      .dataset, "torchtune.datasets.chat_dataset", "Conversations of several turns",
      arguments: [
        source(),
        .required("conversation_column", .string, "The field that holds the turns"),
        .required(
          "conversation_style", .choice(["sharegpt", "openai"]), "How a turn is written"),
        trainOnInput(default: false), systemPrompt, packed, split, dataFiles, noFilter,
      ]),
    ComponentDeclaration(
      .dataset, "torchtune.datasets.text_completion_dataset", "Plain text",
      arguments: [
        source(),
        .optional("column", .string, default: "text", "The field that holds the text"),
        .optional("add_eos", .bool, default: true, "End each text with the end-of-text token"),
        .optional(
          "split_across_pack", .bool, default: true,
          "Let a text that does not fit into a pack go on in the next"),
        packed, split, dataFiles, noFilter,
      ]),
  ]

  static let refusedDatasets = [
    RefusedComponent(
      role: .dataset,
      paths: spellings("preference_dataset", in: ["torchtune.datasets"])
        + spellings("stack_exchange_paired_dataset", in: ["torchtune.datasets"])
        + spellings("hh_rlhf_helpful_dataset", in: ["torchtune.datasets"]),
      reason: "Preference data needs a preference recipe, and there is none."),
    RefusedComponent(
      role: .dataset,
      paths: ["wikitext", "cnn_dailymail_articles", "grammar", "samsum", "slimorca"].map {
        "torchtune.datasets.\($0)_dataset"
      },
      reason: "Name its local files with text_completion_dataset, instruct_dataset or "
        + "chat_dataset."),
  ]

  private static func source(default value: String? = nil) -> KeyDeclaration {
    let summary = "A local file or folder, or the format of data_files: json, text"
    return value.map { .optional("source", .string, default: .string($0), summary) }
      ?? .required("source", .string, summary)
  }

  private static func columns() -> KeyDeclaration {
    .nullable(
      "column_map", .stringMap, "The names that the expected fields have in the data")
  }

  private static func trainOnInput(default value: Bool) -> KeyDeclaration {
    .optional(
      "train_on_input", .bool, default: .bool(value), "Whether the prompt counts in the loss")
  }

  private static let packed = KeyDeclaration.optional(
    "packed", .bool, default: false, "Fill sequences of max_seq_len with several samples")
  private static let split = KeyDeclaration.optional(
    "split", .string, default: "train", "The part to use, such as train[:95%]")
  private static let systemPrompt = KeyDeclaration.nullable(
    "new_system_prompt", .string, "A system prompt for every sample")
  private static let dataFiles = KeyDeclaration.nullable(
    "data_files", .list(.string), "Local files, with source as their format")
  private static let noFilter = KeyDeclaration.fixed(
    "filter_fn", at: [.null], because: "A filter is a Python function.")
}
