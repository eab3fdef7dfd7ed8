// What rooms call their settings becomes the configuration's keys, in messages, remedies and places.
import Catalog
import Essentials
import Testing

@Suite struct SettingTests {
  @Test func errorsNameKeys() {
    let error = TuneError(
      .configuration, "\(Setting.maxSeqLen) must be at least 1, not 0",
      remedy: "Raise \(Setting.maxSeqLen) or lower \(Setting.batchSize).", at: .init(.maxSeqLen))
    #expect(
      error.description
        == "key 'maxSeqLen': `maxSeqLen` must be at least 1, not 0\n"
        + "  Raise `maxSeqLen` or lower `batchSize`.")
    let named = error.namingKeys()
    #expect(
      named.description
        == "key 'tokenizer.max_seq_len': tokenizer.max_seq_len must be at least 1, not 0\n"
        + "  Raise tokenizer.max_seq_len or lower batch_size.")
    #expect(named.namingKeys().description == named.description)
  }

  /// What a user wrote is no setting, though it has its name.
  @Test func wordsWithoutBackquotesStay() {
    let error = TuneError(.data, "no column 'maxSeqLen'", at: .init(file: "a", key: "x.maxSeqLen"))
    #expect(error.namingKeys().description == error.description)
  }

  @Test func eachSettingHasAKeyOfItsOwn() {
    let keys = Setting.allCases.map(\.key)
    #expect(Set(keys).count == keys.count)
    #expect(keys.allSatisfy { $0.wholeMatch(of: /[A-Za-z0-9_.]+/) != nil })
  }
}
