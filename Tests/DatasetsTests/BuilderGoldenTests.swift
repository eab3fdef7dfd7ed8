// Each dataset builder makes what torchtune's makes of the same records, from every kind of file.
import Essentials
import Foundation
import TestSupport
import Testing

@testable import Datasets
@testable import Records
@testable import Tokenizers

@Suite struct BuilderGoldenTests {
  let tokenizer: Llama3Tokenizer
  init() throws { tokenizer = try Fixtures.tokenizer(.tinyJSON) }

  @Test(arguments: [false, true])
  func everySampleIsTheReferences(streamed: Bool) throws {
    let rows = try #require(
      try JSON.load(path: fixturePath("DatasetsTests/Fixtures/builders/builders.json")).array)
    #expect(rows.count == 28)
    for row in rows {
      let tokenizer = try Fixtures.tokenizer(.tinyJSON, maxSeqLen: row["max_seq_len"]?.integer)
      let file = try #require(row["file"]?.string)
      var source = DataSource(
        source: try #require(row["source"]?.string),
        dataFiles: [fixturePath("DatasetsTests/Fixtures/builders/" + file)])
      let name = "\(row["builder"]?.string ?? "") \(row["args"]?.text() ?? "")"
      let expected = try #require(row["samples"]?.array)
      source.isStreamed = streamed
      let dataset = try dataset(source, row, tokenizer)
      #expect(dataset.count == expected.count, "\(name)")
      #expect(dataset is any StreamedDataset == streamed)
      for (index, golden) in expected.enumerated() where index < dataset.count {
        let sample = try dataset.sample(at: index)
        #expect(sample.tokens == golden["tokens"]?.ids, "\(name) \(index)")
        #expect(sample.labels == golden["labels"]?.ids, "\(name) \(index)")
      }
    }
  }

  private func dataset(
    _ source: DataSource, _ row: JSON, _ tokenizer: any Tokenizer
  ) throws -> any TextDataset {
    let train = row["args"]?["train_on_input"]?.bool
    let system = row["args"]?["new_system_prompt"]?.string
    switch row["builder"]?.string {
    case "alpaca":
      return try Datasets.alpaca(source, tokenizer: tokenizer, trainOnInput: train ?? true)
    case "samsum":
      return try Datasets.samsum(
        source, tokenizer: tokenizer, trainOnInput: train ?? false, newSystemPrompt: system)
    case "grammar":
      return try Datasets.grammar(
        source, tokenizer: tokenizer, trainOnInput: train ?? false, newSystemPrompt: system)
    case "slimorca":
      return try Datasets.slimOrca(
        source, tokenizer: tokenizer, trainOnInput: train ?? false, newSystemPrompt: system)
    case "openai":
      return try Datasets.chat(
        source, tokenizer: tokenizer, conversationColumn: "messages", conversationStyle: "openai",
        trainOnInput: train ?? false, newSystemPrompt: system)
    case "instruct":
      return try Datasets.instruct(
        source, tokenizer: tokenizer, columnMap: ["input": "instruction", "output": "output"])
    case "wikitext":
      var source = source
      source.name = "wikitext-103-v1"
      return try Datasets.wikitext(source, tokenizer: tokenizer)
    default: return try Datasets.cnnDailyMailArticles(source, tokenizer: tokenizer)
    }
  }

  @Test func aTextCanBeCutShorterThanTheTokenizerCuts() throws {
    let source = DataSource(
      source: "csv", dataFiles: [fixturePath("DatasetsTests/Fixtures/builders/pages.tsv")])
    let whole = try Datasets.wikitext(source, tokenizer: tokenizer).sample(at: 0)
    for limit in 2..<6 {
      let cut = try Datasets.wikitext(source, tokenizer: tokenizer, maxSeqLen: limit).sample(at: 0)
      #expect(cut.tokens == Array(whole.tokens.prefix(limit - 1)))
    }
    let error = try tuneError {
      _ = try Datasets.cnnDailyMailArticles(source, tokenizer: tokenizer, maxSeqLen: 1)
    }
    #expect(error.location.key == "maxSeqLen")
  }

  private func chat(_ line: String, _ style: String) throws {
    _ = try Datasets.chat(
      DataSource(source: try Fixtures.write(line, "c.jsonl")), tokenizer: tokenizer,
      conversationColumn: "c", conversationStyle: style)
  }

  @Test(arguments: [
    (
      #"{"c": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}], "image": "x.png"}"#,
      "sharegpt", "image"
    ),
    (
      #"{"c": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]}]}"#,
      "openai", "image_url"
    ),
    (#"{"c": [{"role": "user", "content": [3]}]}"#, "openai", "a number"),
    (
      #"{"c": [{"role": "user", "content": null}, {"role": "assistant", "content": "b"}]}"#,
      "openai", "'content'"
    ),
    (
      #"{"c": [{"role": "human", "content": "a"}, {"role": "assistant", "content": "b"}]}"#,
      "openai", "unknown role 'human'"
    ),
  ])
  func whatIsNoTextIsRefused(_ line: String, _ style: String, _ complaint: String) throws {
    let error = try tuneError { try chat(line, style) }
    #expect(error.code == .data && error.location.line == 1)
    #expect(error.message.contains(complaint))
  }

  @Test func anAnswerMayFollowATool() throws {
    try chat(
      #"{"c": [{"role": "user", "content": "a"}, {"role": "tool", "content": "1"}, "#
        + #"{"role": "assistant", "content": "b"}]}"#, "openai")
    let image = try tuneError {
      _ = try Datasets.instruct(
        DataSource(
          source: try Fixtures.write(#"{"input": "a", "output": "b", "image": "x"}"#, "i.jsonl")),
        tokenizer: tokenizer)
    }
    #expect(image.message.contains("'image'"))
  }

  @Test func columnMapsAreChecked() throws {
    let source = DataSource(
      source: "parquet", dataFiles: [fixturePath("DatasetsTests/Fixtures/builders/orca.parquet")])
    for map in [["conversation": "a"], ["conversations": "a", "image": "b"]] {
      let error = try tuneError {
        _ = try Datasets.slimOrca(source, tokenizer: tokenizer, columnMap: map)
      }
      #expect(error.code == .configuration && error.location.key == "columnMap")
    }
    let missing = try tuneError {
      _ = try Datasets.slimOrca(source, tokenizer: tokenizer, columnMap: ["conversations": "talk"])
    }
    #expect(missing.message.contains("'talk'") && missing.remedy?.contains("`columnMap`") == true)
  }
}
