// Chat templates and the records that they are rendered for.
import Datasets
import Essentials
import Records
import Templates
import Tokenizers

extension FuzzedParser {
  /// Jinja: the constructs that the tests compare with the real one, rendered with variables of every kind.
  static func jinja(_ place: Place) throws -> FuzzedParser {
    let goldens = try JSON.load(
      path: place.fixtures + "/TokenizersTests/Fixtures/chat_templates/constructs.json")
    let sources = goldens["cases"]?.array?.compactMap { $0["template"]?.string } ?? []
    let variables = goldens["variables"]?.object ?? [:]
    return FuzzedParser(
      seeds: sources.map { Array($0.utf8) },
      words: [
        "{{", "}}", "{%", "%}", "{#", "#}", "{%-", "-%}", " if ", " else ", " endif ", " for x in ",
        " endfor ", " set ", " macro m(a, b=1) ", " endmacro ", " loop.index ", "| tojson",
        "| join(',')",
        "| sort", "| map(attribute='n')", "| indent(999999)", "range(1000000)", "* 100000",
        "** 99999",
        "'%s' % ", ".format(", "[::-1]", "[-1:]", "is defined", " not ", " in ", "namespace(",
        "| batch(2)",
        "| round(400)", "'{:>99999999}'.format(1)", "x.y.z", "()", "~", "//", "raw", "endraw",
        "\u{1F468}\u{200D}\u{1F469}",
        "| center(9999999)", ".split(", ".replace('', 'aa')", "recursive", "loop(", "generation",
        "endgeneration",
      ]
    ) { input in
      let template = try ChatTemplate(fuzz.text(input), file: "chat_template.jinja")
      _ = try template.render(variables)
    }
  }

  /// Lines of conversations in every style.
  static func chat(_ place: Place) throws -> FuzzedParser {
    let folder = "DatasetsTests/Fixtures/"
    let names = [
      "data/chat_openai.jsonl", "data/chat_sharegpt.jsonl", "data/instruct.jsonl",
      "builders/tools.jsonl",
      "data/alpaca.json",
    ]
    let preference = #"{"chosen": [{"role": "user", "content": "a"}], "rejected": []}"#
    let parts = #"{"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}]}"#
    let tokenizer = try Llama3Tokenizer(
      path: place.fixtures + "/TokenizersTests/Fixtures/tokenizer_tiny/tokenizer.json",
      maxSeqLen: 64)
    return FuzzedParser(
      seeds: try names.map { try place.bytes(folder + $0) }
        + [preference, parts].map { Array($0.utf8) },
      words: [
        "\"role\": \"", "\"content\": ", "null", "[]", "{}", "\"from\": ", "\"value\": ",
        "\"system\"",
        "\"assistant\"", "\"tool\"", "\"gpt\"", "\"weight\": 0", "\"text\"", "\"messages\": ", "\n",
        "\"prompt\": ",
        "\"completion\": ",
      ]
    ) { input in
      let source = DataSource(source: "json", dataFiles: [try place.write(input, "a.jsonl")])
      func read(_ dataset: () throws -> any TextDataset) throws {
        do {
          let dataset = try dataset()
          for index in 0..<min(dataset.count, 8) { _ = try dataset.sample(at: index) }
        } catch is TuneError {}
      }
      for style in ["openai", "sharegpt"] {
        try read {
          try Datasets.chat(
            source, tokenizer: tokenizer,
            conversationColumn: style == "openai" ? "messages" : "dialogue",
            conversationStyle: style)
        }
      }
      try read { try Datasets.alpaca(source, tokenizer: tokenizer) }
      try read { try Datasets.auto(source, tokenizer: tokenizer, packed: true).dataset }
      let dataset = try Datasets.auto(source, tokenizer: tokenizer).dataset
      for index in 0..<min(dataset.count, 8) { _ = try dataset.sample(at: index) }
    }
  }
}
