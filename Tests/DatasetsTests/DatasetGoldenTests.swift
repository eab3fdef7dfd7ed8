// Samples, packs and batches equal what torchtune's dataset builders make of the same files.
import Essentials
import Foundation
import TestSupport
import Testing

@testable import Datasets
@testable import Records
@testable import Tokenizers

@Suite struct DatasetGoldenTests {
  let goldens: JSON
  init() throws {
    goldens = try JSON.load(path: fixturePath("DatasetsTests/Fixtures/datasets.json"))
  }

  @Test func everySampleIsTheReferences() throws {
    let rows = try #require(goldens["datasets"]?.array)
    #expect(rows.count == 33)
    for row in rows {
      let name = "\(row["name"]?.string ?? "") \(row["args"]?.text() ?? "")"
      let maxSeqLen = row["max_seq_len"]?.integer
      let tokenizer = try Fixtures.tokenizer(.tinyJSON, maxSeqLen: maxSeqLen)
      let dataset = try dataset(row, tokenizer)
      let expected = try #require(row["samples"]?.array)
      #expect(dataset.count == expected.count, "\(name)")
      for (index, golden) in expected.enumerated() where index < dataset.count {
        let sample = try dataset.sample(at: index)
        if dataset.isPacked {
          try expectPack(sample, golden, padID: tokenizer.padID, name)
        } else {
          #expect(sample.tokens == golden["tokens"]?.ids, "\(name) \(index)")
          #expect(sample.labels == golden["labels"]?.ids, "\(name) \(index)")
        }
      }
    }
  }

  /// The reference pads packs with token 0 and notes samples without tokens as lengths of 0.
  private func expectPack(_ sample: Sample, _ golden: JSON, padID: Int32, _ name: String) throws {
    let lengths = try #require(golden["seq_lens"]).ids.filter { $0 > 0 }.map { Int($0) }
    #expect(sample.sequenceLengths == lengths, "\(name)")
    #expect(sample.positions == golden["input_pos"]?.ids, "\(name)")
    #expect(sample.labels == golden["labels"]?.ids, "\(name)")
    let tokens = try #require(golden["tokens"]).ids
    #expect(sample.tokens.count == tokens.count)
    for (own, reference) in zip(sample.tokens, tokens) {
      #expect(own == reference || own == padID && reference == 0, "\(name)")
    }
  }

  private func dataset(_ row: JSON, _ tokenizer: any Tokenizer) throws -> any TextDataset {
    let args = try #require(row["args"])
    let packed = args["packed"]?.bool ?? false
    let system = args["new_system_prompt"]?.string
    let trainOnInput = args["train_on_input"]?.bool ?? false
    func source(_ kind: String, _ file: String) throws -> DataSource {
      DataSource(
        source: kind, dataFiles: [fixturePath("DatasetsTests/Fixtures/data/" + file)],
        split: args["split"]?.string ?? "train")
    }
    switch row["builder"]?.string {
    case "alpaca":
      return try Datasets.alpaca(try source("json", "alpaca.json"), tokenizer: tokenizer)
    case "instruct":
      return try Datasets.instruct(
        try source("json", "instruct.jsonl"), tokenizer: tokenizer,
        columnMap: ["input": "question", "output": "answer"], trainOnInput: trainOnInput,
        newSystemPrompt: system, packed: packed)
    case "sharegpt":
      return try Datasets.chat(
        try source("json", "chat_sharegpt.jsonl"), tokenizer: tokenizer,
        conversationColumn: "dialogue", conversationStyle: "sharegpt", trainOnInput: trainOnInput,
        newSystemPrompt: system)
    case "openai":
      return try Datasets.chat(
        try source("json", "chat_openai.jsonl"), tokenizer: tokenizer,
        conversationColumn: "messages", conversationStyle: "openai", trainOnInput: trainOnInput,
        newSystemPrompt: system)
    default:
      return try Datasets.textCompletion(
        try source("text", "text.txt"), tokenizer: tokenizer,
        addEOS: args["add_eos"]?.bool ?? true, packed: packed,
        splitAcrossPack: args["split_across_pack"]?.bool ?? true)
    }
  }

  @Test func alpacaSamplesAreTheReferences() throws {
    let all = try JSON.load(path: fixturePath("TokenizersTests/Fixtures/goldens.json"))
    let records = try #require(all["alpaca_records"]?.array)
    let file = try Fixtures.write(records.map { $0.text() }.joined(separator: "\n"), "a.jsonl")
    let rows = try #require(all["alpaca"]?.array)
    #expect(rows.count == 8)
    for row in rows {
      for name in Fixtures.Name.allCases where name.golden == row["tokenizer"]?.string {
        let tokenizer = try Fixtures.tokenizer(name, maxSeqLen: row["max_seq_len"]?.integer)
        let dataset = try Datasets.alpaca(
          DataSource(source: file), tokenizer: tokenizer,
          trainOnInput: row["train_on_input"] == true)
        let samples = try #require(row["samples"]?.array)
        #expect(dataset.count == samples.count)
        for (index, golden) in samples.enumerated() {
          let sample = try dataset.sample(at: index)
          #expect(sample.tokens == golden["tokens"]?.ids)
          #expect(sample.labels == golden["labels"]?.ids)
        }
      }
    }
  }

  @Test func batchesArePaddedAsTheReferencePadsThem() throws {
    let tokenizer = try Fixtures.tokenizer(.tinyJSON)
    let source = DataSource(
      source: "json", dataFiles: [fixturePath("DatasetsTests/Fixtures/data/alpaca.json")])
    let dataset = try Datasets.alpaca(source, tokenizer: tokenizer)
    let batch = Batch(try (0..<4).map { try dataset.sample(at: $0) }, padID: tokenizer.padID)
    let collated = try #require(goldens["collated"])
    #expect(batch.tokens == (collated["tokens"]?.array ?? []).flatMap(\.ids))
    #expect(batch.labels == (collated["labels"]?.array ?? []).flatMap(\.ids))
    #expect(batch.width * batch.rowCount == batch.tokens.count)
    #expect(batch.sequenceLengths == [[Int]](repeating: [batch.width], count: 4))
    #expect(!batch.isPacked)
  }

  @Test func packsCanBeConcatenated() throws {
    let tokenizer = try Fixtures.tokenizer(.tinyJSON, maxSeqLen: 64)
    let text = DataSource(source: fixturePath("DatasetsTests/Fixtures/data/text.txt"))
    let packed = try Datasets.textCompletion(text, tokenizer: tokenizer, packed: true)
    let both = try Datasets.concatenated([packed, packed])
    #expect(both.isPacked && both.count == 2 * packed.count)
    for index in 0..<packed.count {
      #expect(try both.sample(at: index) == packed.sample(at: index))
      #expect(try both.sample(at: packed.count + index) == packed.sample(at: index))
    }
    let batch = Batch([try packed.sample(at: 0)], padID: tokenizer.padID)
    #expect(batch.isPacked && batch.width == 64)
    #expect(batch.positions.filter { $0 == 0 }.count > 1)
    let plain = try Datasets.textCompletion(text, tokenizer: tokenizer)
    #expect(
      try tuneError { _ = try Datasets.concatenated([packed, plain]) }.code == .configuration)
  }
}
