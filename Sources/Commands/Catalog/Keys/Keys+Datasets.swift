// What datasets are asked for: the arguments of torchtune's builders and of Hugging Face's `load_dataset`.
import Configuration

extension Keys {
  package enum Dataset {
    package static let source = Key.required(
      "source", .path,
      "A dataset of the Hub, a local file or folder, or the kind of data_files: json, csv, "
        + "parquet or text")
    package static let columns = Key.nullable(
      "column_map", .mapOf(.string), "Map from expected column names to those of the data")
    /// Of the dataset that recognizes its format.
    package static let formatColumns = Key.nullable(
      "column_map", .mapOf(.string),
      "Chooses the format and names its columns: {messages: COLUMN}, {prompt: COLUMN, completion: "
        + "COLUMN}, {instruction: COLUMN, output: COLUMN}, {question: COLUMN, answer: COLUMN} or "
        + "{text: COLUMN}")
    package static let trainsOnInput = Key.required(
      "train_on_input", .bool, "Compute the loss on the prompt too")
    package static let packed = Key.optional(
      "packed", .bool, default: false, "Pack several samples into sequences of max_seq_len tokens")
    package static let systemPrompt = Key.nullable(
      "new_system_prompt", .string, "A system prompt for every sample")
    package static let conversationColumn = Key.required(
      "conversation_column", .string, "The column with the conversation")
    package static let conversationStyle = Key.required(
      "conversation_style", .choice(["sharegpt", "openai"]), "The format of the conversation")
    package static let column = Key.optional(
      "column", .string, default: "text", "The column with the text")
    package static let endsTexts = Key.optional(
      "add_eos", .bool, default: true, "End each text with the end-of-text token")
    package static let splitsAcrossPacks = Key.optional(
      "split_across_pack", .bool, default: true,
      "Split a text that does not fit into a pack")
    package static let longestText = Key.nullable(
      "max_seq_len", .int(2...(1 << 30)), "Truncate texts to this many tokens")
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
    .either(.mapOf(.list(.path)), KeyType.list(.path).read { ["train": $0] }),
    "Files or patterns: a list for the split train, or a map from splits to lists")
  package static let folder = Key.nullable(
    "data_dir", .path, "A folder inside source to read from")
  package static let revision = Key.nullable(
    "revision", .string, "The branch, tag or commit of a dataset of the Hub")
  package static let streams = Key.optional(
    "streaming", .bool, default: false,
    "Read records on demand, for data larger than memory")
  package static let shuffleBufferSize = Key.optional(
    "shuffle_buffer_size", .int(1...(1 << 30)), default: 10_000,
    "Number of records in the shuffle buffer of streamed data")
  package static let sampledBy = Key.optional(
    "sample_by", .choice(["line", "paragraph", "document"]), default: "line",
    "The unit of a record in text files")
  package static let keepsLineBreaks = Key.optional(
    "keep_linebreaks", .bool, default: false, "Keep the line breaks of text files")
  package static let delimiter = Key.nullable(
    "delimiter", .string, "The delimiter of CSV files")
  package static let separator = Key.nullable("sep", .string, "Alias of delimiter")
  package static let field = Key.nullable(
    "field", .string, "The key of a JSON object that holds the list of records")
  package static let weight = Key.nullable(
    "weight", .double(1e-9...1e9),
    "Sampling weight in a list of datasets; set it for all of them or for none")
}
