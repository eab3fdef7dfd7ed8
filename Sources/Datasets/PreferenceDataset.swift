// Pairs of conversations that begin alike: the answer that people chose and one they rejected. They
// are for direct preference optimization (DPO), so they are no `TextDataset`: the training recipes
// here learn from single sequences.
import Essentials
import Records
import Templates
import Tokenizers

package struct PreferenceDataset: Sendable {
  package struct Pair: Sendable, Equatable {
    package var chosen: Sample
    package var rejected: Sample
  }
  private let records: Records
  private let chosen: String
  private let rejected: String
  private let trainOnInput: Bool
  private let systemPrompt: String?
  private let tokenizer: any Tokenizer

  /// What a training recipe answers to such a dataset.
  package static let refusal = TuneError(
    .unsupported,
    "a preference dataset holds pairs of answers for DPO, and this recipe trains on single ones",
    remedy: "Use chat_dataset with conversation_column: chosen and conversation_style: openai.",
    at: .init(key: "dataset"))

  init(
    _ records: Records, columnMap: [String: String], trainOnInput: Bool, systemPrompt: String?,
    tokenizer: any Tokenizer
  ) throws {
    let names = ["chosen", "rejected"]
    try checkColumnMap(columnMap, known: names, required: columnMap.isEmpty ? [] : names)
    self.records = records
    chosen = columnMap["chosen"] ?? "chosen"
    rejected = columnMap["rejected"] ?? "rejected"
    self.trainOnInput = trainOnInput
    self.systemPrompt = systemPrompt
    self.tokenizer = tokenizer
    for index in 0..<records.count { _ = try messages(at: index) }
  }

  package var count: Int { records.count }

  package func pair(at index: Int) throws -> Pair {
    let (chosen, rejected) = try messages(at: index)
    return Pair(
      chosen: try Sample(of: chosen, tokenizer), rejected: try Sample(of: rejected, tokenizer))
  }

  private func messages(at index: Int) throws -> (chosen: [Message], rejected: [Message]) {
    let record = try records.record(at: index)
    func messages(_ column: String) throws -> [Message] {
      let rule = ChatRule(
        column: column, style: .openai, trainOnInput: trainOnInput, systemPrompt: systemPrompt,
        columnSetting: "column_map")
      return try rule.messages(from: record)
    }
    return (try messages(chosen), try messages(rejected))
  }
}
