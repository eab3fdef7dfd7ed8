// auto_dataset: each format by its columns, as the builder that is told the format makes it, and by hand.
import Essentials
import Foundation
import TestSupport
import Testing

@testable import Datasets
@testable import Records
@testable import Templates
@testable import Tokenizers

/// A dataset of these lines.
func autoDataset(
  _ lines: String, name: String = "d.jsonl", tokenizer: Llama3Tokenizer,
  columns: [String: String] = [:], train: Bool = false, system: String? = nil,
  packed: Bool = false, streamed: Bool = false
) throws -> (dataset: any TextDataset, format: RecordFormat) {
  var source = DataSource(source: try Fixtures.write(lines, name))
  source.isStreamed = streamed
  return try Datasets.auto(
    source, tokenizer: tokenizer, columnMap: columns, trainOnInput: train, newSystemPrompt: system,
    packed: packed)
}

private let alpacaPrompt =
  "Below is an instruction that describes a task. Write a response that appropriately completes "
  + "the request.\n\n### Instruction:\na\n\n### Response:\n"
private let alpacaPromptWithInput =
  "Below is an instruction that describes a task, paired with an input that provides further "
  + "context. Write a response that appropriately completes the request.\n\n### Instruction:\na\n\n"
  + "### Input:\nx\n\n### Response:\n"

private let plain = [Message(.user, "a", masked: true), Message(.assistant, "b")]
private let withSystem = [Message(.system, "s", masked: true)] + plain

@Suite struct AutoDatasetTests {
  let tokenizer: Llama3Tokenizer
  init() throws { tokenizer = try Fixtures.tokenizer(.tinyJSON) }

  /// The reference's own samples of the formats that torchtune has builders for.
  @Test func theGoldensOfKnownFormatsAreItsSamples() throws {
    let rows = try #require(
      try JSON.load(path: fixturePath("DatasetsTests/Fixtures/builders/builders.json")).array)
    var tested = 0
    for row in rows {
      guard let builder = row["builder"]?.string,
        ["alpaca", "slimorca", "openai", "grammar"].contains(builder)
      else { continue }
      let tokenizer = try Fixtures.tokenizer(.tinyJSON, maxSeqLen: row["max_seq_len"]?.integer)
      let source = DataSource(
        source: try #require(row["source"]?.string),
        dataFiles: [fixturePath("DatasetsTests/Fixtures/builders/" + (row["file"]?.string ?? ""))])
      let (dataset, format) = try Datasets.auto(
        source, tokenizer: tokenizer,
        trainOnInput: row["args"]?["train_on_input"]?.bool ?? (builder == "alpaca"),
        newSystemPrompt: row["args"]?["new_system_prompt"]?.string)
      let expected = try #require(row["samples"]?.array)
      #expect(dataset.count == expected.count)
      for (index, golden) in expected.enumerated() {
        let sample = try dataset.sample(at: index)
        #expect(sample.tokens == golden["tokens"]?.ids, "\(builder) \(format) \(index)")
        #expect(sample.labels == golden["labels"]?.ids, "\(builder) \(format) \(index)")
      }
      tested += 1
    }
    #expect(tested > 8)
  }

  private static let chats: [(line: String, messages: [Message])] = [
    (
      #"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}"#,
      plain
    ),
    (
      #"{"conversations": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}"#,
      plain
    ),
    (
      #"{"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}"#, plain
    ),
    (
      #"{"conversation": [{"from": "user", "value": "a"}, {"from": "assistant", "value": "b"}]}"#,
      plain
    ),
    (
      #"{"system": "s", "conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}"#,
      withSystem
    ),
    (
      #"{"prompt": "a", "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "a"}, "#
        + #"{"role": "assistant", "content": "b", "weight": 1, "tool_calls": null}], "text": null}"#,
      withSystem
    ),
    (
      #"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "weight": 0}, "#
        + #"{"role": "user", "content": "c"}, {"role": "assistant", "content": "d"}]}"#,
      [
        Message(.user, "a", masked: true), Message(.assistant, "b", masked: true),
        Message(.user, "c", masked: true), Message(.assistant, "d"),
      ]
    ),
    (
      #"{"prompt": [{"role": "user", "content": "a"}], "completion": [{"role": "assistant", "content": "b"}]}"#,
      plain
    ),
    (
      #"{"prompt": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, "#
        + #"{"role": "user", "content": "c"}], "completion": [{"role": "assistant", "content": "d"}]}"#,
      [
        Message(.user, "a", masked: true), Message(.assistant, "b", masked: true),
        Message(.user, "c", masked: true), Message(.assistant, "d"),
      ]
    ),
    (#"{"question": "a", "answer": "b", "id": 3}"#, plain),
    (#"{"system_prompt": "s", "question": "a", "response": "b"}"#, withSystem),
    (#"{"system_prompt": "", "prompt": "a", "response": "b", "tools": "[]"}"#, plain),
    (#"{"input": "a", "output": "b"}"#, plain),
    (
      #"{"instruction": "a", "output": "b"}"#,
      [Message(.user, alpacaPrompt, masked: true), Message(.assistant, "b")]
    ),
    (
      #"{"instruction": "a", "context": "", "response": "b", "category": "open"}"#,
      [Message(.user, alpacaPrompt, masked: true), Message(.assistant, "b")]
    ),
    (
      #"{"instruction": "a", "context": "x", "response": "b"}"#,
      [Message(.user, alpacaPromptWithInput, masked: true), Message(.assistant, "b")]
    ),
  ]

  @Test(arguments: chats.indices)
  func messagesAreThoseOfTheRecord(_ index: Int) throws {
    let (line, messages) = Self.chats[index]
    for streamed in [false, true] {
      let (dataset, _) = try autoDataset(line, tokenizer: tokenizer, streamed: streamed)
      #expect(try dataset.sample(at: 0) == Sample(of: messages, tokenizer))
    }
  }

  @Test(arguments: chats.indices)
  func thePromptCanBeTrainedOn(_ index: Int) throws {
    let (line, messages) = Self.chats[index]
    let (dataset, _) = try autoDataset(line, tokenizer: tokenizer, train: true)
    let trained = messages.map { message in
      var message = message
      message.masked = line.contains(#""weight": 0"#) && message.content == "b"
      return message
    }
    #expect(try dataset.sample(at: 0) == Sample(of: trained, tokenizer))
  }

  @Test(arguments: chats.indices)
  func theConfigurationsSystemPromptReplacesTheRecords(_ index: Int) throws {
    let (line, messages) = Self.chats[index]
    let (dataset, _) = try autoDataset(line, tokenizer: tokenizer, system: "new")
    let others = messages.filter { $0.role != .system }
    #expect(
      try dataset.sample(at: 0)
        == Sample(of: [Message(.system, "new", masked: true)] + others, tokenizer))
  }

  @Test(arguments: [
    (
      ["messages": "c"],
      #"{"c": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "text": "t"}"#
    ),
    (
      ["question": "dialogue", "answer": "summary"],
      #"{"dialogue": "a", "summary": "b", "text": "t"}"#
    ),
    (["question": "q", "answer": "answer"], #"{"q": "a", "question": "no", "answer": "b"}"#),
    (
      ["prompt": "p", "completion": "q"],
      #"{"p": [{"role": "user", "content": "a"}], "q": [{"role": "assistant", "content": "b"}]}"#
    ),
  ])
  func theColumnMapDecides(_ columns: [String: String], _ line: String) throws {
    let (dataset, _) = try autoDataset(line, tokenizer: tokenizer, columns: columns)
    #expect(try dataset.sample(at: 0) == Sample(of: plain, tokenizer))
  }

  @Test func theColumnMapNamesInputAndSystemPrompt() throws {
    let line = #"{"i": "a", "x": "x", "o": "b", "s": "s", "input": "no", "system": "no"}"#
    let (dataset, _) = try autoDataset(
      line, tokenizer: tokenizer,
      columns: ["instruction": "i", "input": "x", "output": "o", "system": "s"])
    #expect(
      try dataset.sample(at: 0)
        == Sample(
          of: [
            Message(.system, "s", masked: true),
            Message(.user, alpacaPromptWithInput, masked: true),
            Message(.assistant, "b"),
          ], tokenizer))
  }

  @Test func plainTextIsTextCompletion() throws {
    for (name, text) in [
      ("t.jsonl", "{\"text\": \"one two\", \"url\": \"u\"}\n{\"text\": \"three\"}"),
      ("t.csv", "id,text\n1,one two\n2,three"), ("t.txt", "one two\nthree"),
    ] {
      for packed in [false, true] {
        let tokenizer = try Fixtures.tokenizer(.tinyJSON, maxSeqLen: 8)
        let (dataset, format) = try autoDataset(
          text, name: name, tokenizer: tokenizer, packed: packed)
        let told = try Datasets.textCompletion(
          DataSource(source: try Fixtures.write(text, name)), tokenizer: tokenizer, packed: packed)
        #expect(format.description == "plain text (column 'text')")
        #expect(dataset.count == told.count && dataset.isPacked == packed)
        for index in 0..<told.count {
          #expect(try dataset.sample(at: index) == told.sample(at: index))
        }
      }
    }
  }

  @Test func packsAreThoseOfTheBuilderThatIsTold() throws {
    let lines = (0..<9).map {
      #"{"messages": [{"role": "user", "content": "\#($0)"}, {"role": "assistant", "content": "b"}]}"#
    }.joined(separator: "\n")
    let tokenizer = try Fixtures.tokenizer(.tinyJSON, maxSeqLen: 64)
    let (packs, _) = try autoDataset(lines, tokenizer: tokenizer, packed: true)
    let told = try Datasets.chat(
      DataSource(source: try Fixtures.write(lines, "d.jsonl")), tokenizer: tokenizer,
      conversationColumn: "messages", conversationStyle: "openai", packed: true)
    #expect(packs.count == told.count && packs.count < 9)
    for index in 0..<told.count { #expect(try packs.sample(at: index) == told.sample(at: index)) }
  }
}

/// Prompts and completions that are plain text.
@Suite struct PromptCompletionTests {
  let tokenizer: Llama3Tokenizer
  init() throws { tokenizer = try Fixtures.tokenizer(.tinyJSON) }

  private func sample(
    _ prompt: String, _ completion: String, train: Bool = false, limit: Int? = nil
  ) throws -> Sample {
    let line = JSON.object(["prompt": .string(prompt), "completion": .string(completion)]).text()
    let tokenizer = try Fixtures.tokenizer(.tinyJSON, maxSeqLen: limit)
    return try autoDataset(line, tokenizer: tokenizer, train: train).dataset.sample(at: 0)
  }

  @Test func theLossIsOnTheCompletionAndTheEnd() throws {
    let prompt = try tokenizer.encode("Say it.", addBOS: true, addEOS: false)
    let completion = try tokenizer.encode(" Yes!", addBOS: false, addEOS: true)
    let tokens = try tokenizer.encode("Say it. Yes!", addBOS: true, addEOS: true)
    try #require(tokens == prompt + completion)
    let sample = try sample("Say it.", " Yes!")
    #expect(sample.tokens == tokens)
    #expect(sample.labels == prompt.map { _ in ignoreIndex } + completion)
    #expect(try self.sample("Say it.", " Yes!", train: true).labels == tokens)
    #expect(try self.sample("", "Yes").labels.last == tokenizer.eosID)
    let onlyEnd = try self.sample("Say it.", "")
    #expect(onlyEnd.labels.filter { $0 != ignoreIndex } == [tokenizer.eosID])
  }

  /// A token with the end of the prompt and the start of the completion belongs to the completion.
  @Test func aTokenAcrossTheBoundaryIsTrainedOn() throws {
    let whole = try tokenizer.encode(" the", addBOS: true, addEOS: true)
    let alone = try tokenizer.encode(" t", addBOS: true, addEOS: false)
    try #require(whole.count == 3 && alone[1] != whole[1])
    let sample = try sample(" t", "he")
    #expect(sample.tokens == whole)
    #expect(sample.labels == [ignoreIndex, whole[1], tokenizer.eosID])
  }

  @Test func aLongTextIsCut() throws {
    let whole = try sample("one two three", " four five six")
    for limit in 2..<whole.tokens.count {
      let cut = try sample("one two three", " four five six", limit: limit)
      #expect(cut.tokens == Array(whole.tokens.prefix(limit - 1)))
      #expect(cut.labels == Array(whole.labels.prefix(limit - 1)))
    }
  }

  @Test func streamedAndPackedAreTheSameSamples() throws {
    let lines = (0..<6).map { #"{"prompt": "n \#($0)", "completion": " is \#($0)."}"# }
      .joined(separator: "\n")
    let tokenizer = try Fixtures.tokenizer(.tinyJSON, maxSeqLen: 32)
    let (indexed, _) = try autoDataset(lines, tokenizer: tokenizer)
    let (streamed, _) = try autoDataset(lines, tokenizer: tokenizer, streamed: true)
    let (packed, _) = try autoDataset(lines, tokenizer: tokenizer, packed: true)
    let all = try (0..<6).map { try indexed.sample(at: $0) }
    #expect(streamed is any StreamedDataset && packed.isPacked)
    #expect(try (0..<6).map { try streamed.sample(at: $0) } == all)
    let first = try packed.sample(at: 0)
    let lengths = try #require(first.sequenceLengths)
    #expect(lengths.first == all[0].tokens.count && lengths.reduce(0, +) == 32)
    #expect(Array(first.labels.prefix(all[0].labels.count)) == all[0].labels)
  }

  /// Text and completions are cut at the end that `truncation_type` names.
  @Test(arguments: [
    #"{"text": "one two three four"}"#, #"{"prompt": "one two", "completion": " three four"}"#,
  ])
  func textIsCutAtTheChosenEnd(line: String) throws {
    func sample(_ end: HuggingFaceModelTokenizer.TruncationType, _ longest: Int?) throws -> Sample {
      let folder = fixturePath("TokenizersTests/Fixtures/tokenizer_reports")
      let tokenizer = try HuggingFaceModelTokenizer(
        tokenizerJSONPath: "\(folder)/digits.json",
        tokenizerConfigJSONPath: "\(folder)/tokenizer_config.json", maxSeqLen: longest,
        truncationType: end)
      let (dataset, _) = try Datasets.auto(
        DataSource(source: try Fixtures.write(line + "\n", "d.jsonl")), tokenizer: tokenizer)
      return try dataset.sample(at: 0)
    }
    let whole = try sample(.right, nil)
    #expect(whole.tokens.count > 6)
    let (left, right) = (try sample(.left, 5), try sample(.right, 5))
    #expect(left.tokens == Array(whole.tokens.suffix(4)))
    #expect(left.labels == Array(whole.labels.suffix(4)))
    #expect(right.tokens == Array(whole.tokens.prefix(4)))
  }
}
