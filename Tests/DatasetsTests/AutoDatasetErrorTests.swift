// What auto_dataset refuses, instead of training on something else than the file means.
import Essentials
import Foundation
import TestSupport
import Testing

@testable import Datasets
@testable import Records
@testable import Tokenizers

@Suite struct AutoDatasetErrorTests {
  let tokenizer: Llama3Tokenizer
  init() throws { tokenizer = try Fixtures.tokenizer(.tinyJSON, maxSeqLen: 64) }

  private static let turns =
    #"[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]"#
  private static let refused: [(line: String, complaint: String)] = [
    (
      #"{"instruction": "a", "output": "b", "text": "t"}"#,
      "fit two formats: instruction and output, or text"
    ),
    (#"{"messages": \#(turns), "text": "t"}"#, "fit two formats: messages, or text"),
    (#"{"messages": \#(turns), "conversations": \#(turns)}"#, "fit two formats"),
    (#"{"prompt": "a", "completion": "b", "response": "c"}"#, "fit two formats"),
    (#"{"instruction": "a", "output": "b", "response": "c"}"#, "fit two formats"),
    (#"{"dialogue": "a", "summary": "b"}"#, "no known format has its columns (dialogue, summary)"),
    (#"{"text": null, "id": 1}"#, "no known format"),
    (#"{"prompt": "a", "chosen": "b", "rejected": "c"}"#, "preference data"),
    (#"{"prompt": "a", "completion": "b", "label": false}"#, "'label' is false"),
    (
      #"{"question": "a", "answer": "b", "context": "c"}"#,
      "column 'context' has no place among questions and answers"
    ),
    (#"{"prompt": "a", "completion": "b", "system": "s"}"#, "column 'system' has no place"),
    (#"{"instruction": "a", "input": "x", "context": "y", "output": "b"}"#, "both hold an input"),
    (#"{"system": "s", "system_prompt": "t", "messages": \#(turns)}"#, "both hold a system prompt"),
    (
      #"{"system": "s", "messages": [{"role": "system", "content": "t"}, {"role": "user", "content": "a"}]}"#,
      "message 2 is the system's"
    ),
    (#"{"messages": "a"}"#, "'messages' holds a string, not a list of messages"),
    (#"{"messages": []}"#, "'messages' has no messages"),
    (#"{"messages": ["a"]}"#, "message 1 in column 'messages' has neither"),
    (#"{"prompt": "a", "completion": \#(turns)}"#, "must both be text or both be lists"),
    (#"{"prompt": 3, "completion": "b"}"#, "'prompt' holds a number, not text"),
    (#"{"text": ["a"]}"#, "'text' holds a list, not text"),
    (
      #"{"question": "a", "answer": "b", "tools": [{"name": "f"}]}"#,
      "column 'tools' is not supported yet"
    ),
    (#"{"instruction": "a", "output": "b", "history": [["q", "r"]]}"#, "column 'history'"),
    (
      #"{"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}], "images": ["x.png"]}"#,
      "column 'images'"
    ),
    (
      #"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": null, "tool_calls": [{"id": "1"}]}]}"#,
      "message 2 in column 'messages' has a tool call without a function's name"
    ),
    (
      #"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "thinking": "c"}]}"#,
      "has 'thinking'"
    ),
    (
      #"{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "weight": 0.5}]}"#,
      "a 'weight' other than 0 and 1"
    ),
    (
      #"{"messages": [{"role": "user", "content": null}, {"role": "assistant", "content": "b"}]}"#,
      "no text 'content'"
    ),
    (
      #"{"conversations": [{"from": "human", "value": "a"}, {"from": "function_call", "value": "b"}]}"#,
      "unknown role 'function_call'"
    ),
  ]

  @Test(arguments: refused.indices)
  func aRecordThatWouldBeMisreadIsRefused(_ index: Int) throws {
    let (line, complaint) = Self.refused[index]
    for streamed in [false, true] {
      let error = try tuneError {
        let (dataset, _) = try autoDataset("\n" + line, tokenizer: tokenizer, streamed: streamed)
        _ = try dataset.sample(at: 0)
      }
      #expect(error.code == .data && error.location.line == 2, "\(error)")
      #expect(error.location.file?.hasSuffix("d.jsonl") == true)
      #expect(error.message.contains(complaint), "\(error.message)")
    }
  }

  @Test(arguments: [
    (#"{"question": "a", "answer": "b"}"#, "holds questions and answers"),
    (
      #"{"conversations": [{"from": "human", "value": "a"}]}"#,
      "holds conversations with from and value"
    ),
    (#"{"text": "t"}"#, "holds plain text"),
    (#"{"id": 1}"#, "no known format"),
  ])
  func allRecordsHaveTheFormatOfTheFirst(_ line: String, _ complaint: String) throws {
    let first = #"{"conversations": \#(Self.turns)}"#
    for streamed in [false, true] {
      let error = try tuneError {
        let (dataset, _) = try autoDataset(
          [first, first, line].joined(separator: "\n"), tokenizer: tokenizer, streamed: streamed)
        _ = try dataset.sample(at: 2)
      }
      #expect(error.code == .data && error.location.line == 3)
      #expect(error.message.contains(complaint), "\(error.message)")
    }
  }

  @Test func columnsThatSomeRecordsLackAreNoOtherFormat() throws {
    let lines = [
      #"{"instruction": "a", "output": "b"}"#,
      #"{"instruction": "a", "input": "x", "output": "b"}"#,
      #"{"instruction": "a", "input": null, "output": "b", "system": "s"}"#,
    ]
    let (dataset, _) = try autoDataset(lines.joined(separator: "\n"), tokenizer: tokenizer)
    #expect(dataset.count == 3)
  }

  @Test(arguments: [
    ["messages": "m", "text": "t"], ["prompt": "p"], ["text": "t", "system": "s"], ["mesages": "m"],
    ["question": "q", "answer": "a", "input": "i"],
  ])
  func aColumnMapThatIsNoFormatIsRefused(_ columns: [String: String]) throws {
    let error = try tuneError {
      _ = try autoDataset(#"{"text": "t"}"#, tokenizer: tokenizer, columns: columns)
    }
    #expect(error.code == .configuration && error.location.key == "columnMap")
    #expect(error.remedy?.contains("{messages: COLUMN}") == true)
  }

  @Test func aMappedColumnMustBeThere() throws {
    let error = try tuneError {
      _ = try autoDataset(#"{"text": "t"}"#, tokenizer: tokenizer, columns: ["messages": "m"])
    }
    #expect(error.message.contains("missing column 'm' (columns: text)"))
  }

  @Test func aSystemPromptNeedsMessages() throws {
    for line in [#"{"text": "t"}"#, #"{"prompt": "a", "completion": "b"}"#] {
      let error = try tuneError { _ = try autoDataset(line, tokenizer: tokenizer, system: "s") }
      #expect(error.code == .configuration && error.location.key == "newSystemPrompt")
    }
    let error = try tuneError {
      _ = try autoDataset(
        #"{"prompt": "a", "completion": "b"}"#, tokenizer: tokenizer,
        columns: ["prompt": "prompt", "completion": "completion", "system": "s"])
    }
    #expect(error.location.key == "columnMap")
  }

  @Test func packsNeedALengthAndNoStream() throws {
    let long = try Fixtures.tokenizer(.tinyJSON)
    let noLength = try tuneError {
      _ = try autoDataset(#"{"text": "t"}"#, tokenizer: long, packed: true)
    }
    #expect(noLength.location.key == "maxSeqLen")
    let stream = try tuneError {
      _ = try autoDataset(#"{"text": "t"}"#, tokenizer: tokenizer, packed: true, streamed: true)
    }
    #expect(stream.location.key == "isStreamed")
  }
}
