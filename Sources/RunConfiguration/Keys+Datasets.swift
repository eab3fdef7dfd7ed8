// What datasets are asked for: the arguments of torchtune's builders and of Hugging Face's `load_dataset`.

extension Keys {
  package enum Dataset {
    package static let source = Key.required(
      "source", .string,
      "A dataset of the Hub, a local file or folder, or the kind of data_files: json, csv, "
        + "parquet or text")
    package static let columns = Key.nullable(
      "column_map", .mapOf(.string), "The names that the expected fields have in the data")
    package static let trainsOnInput = Key.required(
      "train_on_input", .bool, "Whether the prompt counts in the loss")
    package static let packed = Key.optional(
      "packed", .bool, default: false, "Fill sequences of max_seq_len with several samples")
    package static let systemPrompt = Key.nullable(
      "new_system_prompt", .string, "A system prompt for every sample")
    package static let conversationColumn = Key.required(
      "conversation_column", .string, "The field that holds the turns")
    package static let conversationStyle = Key.required(
      "conversation_style", .choice(["sharegpt", "openai"]), "How a turn is written")
    package static let column = Key.optional(
      "column", .string, default: "text", "The field that holds the text")
    package static let endsTexts = Key.optional(
      "add_eos", .bool, default: true, "End each text with the end-of-text token")
    package static let splitsAcrossPacks = Key.optional(
      "split_across_pack", .bool, default: true,
      "Let a text that does not fit into a pack go on in the next")
    package static let longestText = Key.nullable(
      "max_seq_len", .int(2...(1 << 30)), "Texts are cut to this many tokens")
  }
}

// Which records are read, and how.
extension Keys.Dataset {
  package static let configurationName = Key.nullable(
    "name", .string, "The configuration of the dataset, where its card lists several")
  package static let subset = Key.optional(
    "subset", .string, default: "wikitext-103-v1", "The configuration of the dataset")
  package static let split = Key.optional(
    "split", .string, default: "train", "The part to use, such as train[:95%]")
  /// By split.
  package static let files = Key.nullable(
    "data_files",
    .either(.mapOf(.list(.string)), KeyType.list(.string).read { ["train": $0] }),
    "Files or patterns, of the split train or by split")
  package static let folder = Key.nullable(
    "data_dir", .string, "A folder inside the source that takes its place")
  package static let revision = Key.nullable(
    "revision", .string, "The branch, tag or commit of a dataset of the Hub")
  package static let streams = Key.optional(
    "streaming", .bool, default: false,
    "Read records as they are needed, for data larger than memory")
  package static let shuffleBufferSize = Key.optional(
    "shuffle_buffer_size", .int(1...(1 << 30)), default: 10_000,
    "Streamed data is shuffled among this many records")
  package static let sampledBy = Key.optional(
    "sample_by", .choice(["line", "paragraph", "document"]), default: "line",
    "What a record of a text file is")
  package static let keepsLineBreaks = Key.optional(
    "keep_linebreaks", .bool, default: false, "Whether a line of a text file keeps its end")
  package static let delimiter = Key.nullable(
    "delimiter", .string, "What separates the cells of a CSV file")
  package static let separator = Key.nullable("sep", .string, "Another name of delimiter")
  package static let field = Key.nullable(
    "field", .string, "The key of a JSON object that holds the list of records")
  package static let weight = Key.nullable(
    "weight", .double(1e-9...1e9),
    "The share of this dataset in a list of them; all of a list or none has one")
}
