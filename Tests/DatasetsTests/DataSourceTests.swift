// What can be wrong with a dataset is said before training, with file, line, record and column.
import Essentials
import Foundation
import TestSupport
import Testing

@testable import Datasets
@testable import Records
@testable import Tokenizers

@Suite struct DataSourceTests {
  let tokenizer: Llama3Tokenizer
  init() throws { tokenizer = try Fixtures.tokenizer(.tinyModel) }

  private func alpaca(_ text: String, _ name: String = "data.jsonl", split: String = "train") throws
    -> any TextDataset
  {
    let file = try Fixtures.write(text, name)
    return try Datasets.alpaca(
      DataSource(source: "json", dataFiles: [file], split: split), tokenizer: tokenizer)
  }
  private let good = #"{"instruction": "a", "input": "", "output": "b"}"#

  @Test func aBrokenLineIsNamed() throws {
    let error = try tuneError { _ = try alpaca("\(good)\n\n{\"instruction\": \n\(good)\n") }
    #expect(error.code == .malformedFile && error.location.line == 3)
    #expect(error.location.file?.hasSuffix("data.jsonl") == true)
    #expect(error.remedy?.contains("field") == true)
    let inArray = try tuneError { _ = try alpaca("[\(good),\n\(good)\n\(good)]") }
    #expect(inArray.code == .malformedFile && inArray.location.line == 3)
    let cut = try tuneError { _ = try alpaca("[\(good),\n\(good)") }
    #expect(cut.code == .malformedFile && cut.location.line == 2)
  }

  @Test func aMissingColumnIsNamed() throws {
    let error = try tuneError {
      _ = try alpaca("[\(good),\n{\"instruction\": \"a\", \"answer\": \"b\"}]")
    }
    #expect(error.code == .data && error.location.line == 2)
    #expect(error.message == "record 2: missing column 'output' (columns: instruction, answer)")
    #expect(error.remedy?.contains("`columnMap`") == true)
    let null = try tuneError { _ = try alpaca(#"{"instruction": null, "output": "b"}"#) }
    #expect(null.message == "record 1: column 'instruction' holds null, not text")
    #expect(try alpaca(#"{"instruction": "a", "input": null, "output": "b"}"#).count == 1)
    #expect(try tuneError { _ = try alpaca("[1]") }.code == .data)
    #expect(try tuneError { _ = try alpaca("\(good)\n7\n") }.location.line == 2)
  }

  @Test(arguments: ["", "\n\n", "[]"])
  func anEmptyDatasetIsAnError(_ text: String) throws {
    #expect(try tuneError { _ = try alpaca(text) }.code == .data)
  }

  @Test func anEmptySplitIsAnError() throws {
    #expect(try tuneError { _ = try alpaca(good, split: "train[:10%]") }.code == .data)
    let unknown = try tuneError { _ = try alpaca(good, split: "test") }
    #expect(unknown.code == .configuration && unknown.remedy == "Known splits: train.")
  }

  @Test func aDatasetOfTheHubIsRefusedWithTheRemedy() throws {
    let error = try tuneError {
      _ = try Datasets.alpaca(DataSource(source: "yahma/alpaca-cleaned"), tokenizer: tokenizer)
    }
    #expect(error.code == .configuration && error.location.key == "source")
    #expect(error.remedy?.contains("`source` to json") == true)
    #expect(error.remedy?.contains("`dataFiles`") == true)
  }

  @Test(arguments: [
    (DataSource(source: "json"), TuneError.Code.configuration),
    (DataSource(source: "json", dataFiles: ["/nonexistent/a.json"]), .missingFile),
    (DataSource(source: "json", dataFiles: ["https://example.org/a.json"]), .unsupported),
    (DataSource(source: "parquet", dataFiles: ["a.parquet"]), .missingFile),
    (DataSource(source: "arrow", dataFiles: ["a.arrow"]), .unsupported),
  ])
  func unusableSourcesAreRefused(_ source: DataSource, _ code: TuneError.Code) throws {
    #expect(try tuneError { _ = try source.records() }.code == code)
  }

  @Test func foldersAndPatternsNameFiles() throws {
    let folder = try Fixtures.folder()
    for (name, count) in [("a-train.jsonl", 2), ("b.jsonl", 3), ("test.jsonl", 1)] {
      let text = [String](repeating: good, count: count).joined(separator: "\n")
      try Data(text.utf8).write(to: folder.appendingPathComponent(name))
    }
    // Where a name has a split in it, names without one are left out, as in the reference.
    #expect(try DataSource(source: folder.path).records().count == 2)
    #expect(try DataSource(source: folder.path, split: "test").records().count == 1)
    #expect(try DataSource(source: folder.path, split: "train[1:]+test").records().count == 2)
    let all = DataSource(source: "json", dataFiles: [folder.path + "/*.jsonl"])
    #expect(try all.records().count == 6)
    let named = DataSource(
      source: folder.path, dataFiles: ["validation": ["b.jsonl"]], split: "validation")
    #expect(try named.records().count == 3)
  }

  @Test func textFallsIntoRecordsInThreeWays() throws {
    let file = try Fixtures.write("one\r\ntwo\n\n\nthree\rfour", "t.txt")
    func texts(_ by: DataSource.SampleBy, keep: Bool = false) throws -> [String] {
      let source = DataSource(
        source: "text", dataFiles: [file], sampleBy: by, keepLinebreaks: keep)
      let records = try source.records()
      return try (0..<records.count).map {
        try records.record(at: $0).text("text", for: "text")
      }
    }
    #expect(try texts(.line) == ["one", "two", "", "", "three", "four"])
    #expect(try texts(.line, keep: true) == ["one\n", "two\n", "\n", "\n", "three\n", "four"])
    #expect(try texts(.paragraph) == ["one\ntwo", "three\nfour"])
    #expect(try texts(.document) == ["one\ntwo\n\n\nthree\nfour"])
  }

  @Test func textThatIsNotUTF8IsAnError() throws {
    let url = try Fixtures.folder().appendingPathComponent("t.txt")
    try Data([0x61, 0x0A, 0xFF, 0x0A]).write(to: url)
    let error = try tuneError {
      _ = try Datasets.textCompletion(DataSource(source: url.path), tokenizer: tokenizer)
    }
    #expect(error.code == .malformedFile && error.location.line == 2)
  }

  @Test(arguments: [
    #"{"c": [{"from": "human", "value": "a"}]}"#,
    #"{"c": [{"from": "gpt", "value": "a"}, {"from": "human", "value": "a"}]}"#,
    #"{"c": [{"from": "human", "value": "a"}, {"from": "human", "value": "a"}]}"#,
    #"{"c": [{"from": "human", "value": "a"}, {"from": "robot", "value": "a"}]}"#,
    #"{"c": [{"from": "human", "value": "a"}, {"from": "gpt"}]}"#,
    #"{"c": "human"}"#, #"{"d": []}"#,
  ])
  func brokenConversationsAreErrors(_ line: String) throws {
    let file = try Fixtures.write(line, "c.jsonl")
    let error = try tuneError {
      _ = try Datasets.chat(
        DataSource(source: file), tokenizer: tokenizer, conversationColumn: "c",
        conversationStyle: "sharegpt")
    }
    #expect(error.code == .data && error.location.line == 1)
    #expect(error.message.hasPrefix("record 1: "))
  }

  @Test func packingNeedsALength() throws {
    let file = try Fixtures.write(good, "p.jsonl")
    let missing = try tuneError {
      _ = try Datasets.alpaca(DataSource(source: file), tokenizer: tokenizer, packed: true)
    }
    #expect(missing.location.key == "maxSeqLen")
    let cutting = try Fixtures.tokenizer(.tinyModel, maxSeqLen: 16)
    #expect(
      try Datasets.alpaca(DataSource(source: file), tokenizer: cutting, packed: true).count == 1)
    let rule = try AlpacaRule(columnMap: [:], trainOnInput: true)
    let long = try RecordDataset(
      DataSource(source: file).records(),
      rule: ConversationSamples(rule: rule, tokenizer: tokenizer))
    let error = try tuneError {
      _ = try PackedDataset(long, length: 16, padID: 0, splitsSamples: false)
    }
    #expect(error.code == .data && error.remedy?.contains("`splitAcrossPack`") == true)
  }

  /// Cut at 16 tokens, of which the instruction takes all where it is long.
  @Test func samplesInPacksAreCounted() throws {
    let long = String(repeating: "word ", count: 40)
    let lines = ["a", long, "b"].map {
      "{\"instruction\": \"\($0)\", \"input\": \"\", \"output\": \"c\"}\n"
    }
    let source = DataSource(source: try Fixtures.write(lines.joined(), "p.jsonl"))
    let cutting = try Fixtures.tokenizer(.tinyModel, maxSeqLen: 160)
    func packed(_ source: DataSource) throws -> any TextDataset {
      try Datasets.alpaca(source, tokenizer: cutting, trainOnInput: false, packed: true)
    }
    let one = try packed(source)
    let counts = try #require(DatasetSurvey(one, limit: 160).packing)
    #expect(counts.samples == 3 && counts.withoutLabels == 1 && counts.atLimit == 1)
    let two = try Datasets.concatenated([one, packed(source)])
    let mixed = try Datasets.mixed([one, packed(source)], weights: [1, 2])
    for both in [two, mixed] {
      #expect(both.packing?.samples == 6 && both.packing?.atLimit == 2)
    }
    #expect(try Datasets.alpaca(source, tokenizer: cutting).packing == nil)
  }

  @Test func largeDatasetsAreCheckedWhenTheyAreRead() throws {
    let tokenizer = try Fixtures.tokenizer(.tinyJSON)
    let lines = "{\"text\": \"a\"}\n{\"text\": 1}\n{\"text\"\n"
    let records = try DataSource(source: try Fixtures.write(lines, "a.jsonl")).records()
    let rule = CompletionSamples(column: "text", addEOS: true, limit: nil, tokenizer: tokenizer)
    #expect(
      try tuneError { _ = try RecordDataset(records, rule: rule) }.location.line == 2)
    let large = try RecordDataset(records, rule: rule, checkLimit: 10)
    #expect(try large.sample(at: 0).tokens.count > 1)
    #expect(try tuneError { _ = try large.sample(at: 1) }.message.hasPrefix("record 2: "))
    let broken = try tuneError { _ = try large.sample(at: 2) }
    #expect(broken.location.line == 3 && broken.location.file?.hasSuffix("a.jsonl") == true)
  }
}
