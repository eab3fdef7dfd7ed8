// What data and tokenizers demand of each other.
import Configuration
import Essentials

extension Exclusions {
  typealias Datasets = @Sendable (Section) -> [Section]

  /// The rules of a key that holds one dataset or several.
  static func dataRules(of key: String, _ datasets: @escaping Datasets) -> [Exclusion] {
    [
      packing(key, datasets), streaming(key, datasets), separator(key, datasets),
      weights(key, datasets),
    ]
  }

  private static func packing(_ key: String, _ datasets: @escaping Datasets) -> Exclusion {
    Exclusion("\(key).packed needs tokenizer.max_seq_len and excludes streaming") { root in
      for dataset in datasets(root) where dataset.packs {
        if root[Keys.tokenizer][Keys.Tokenizer.longestSequence] == nil {
          return dataset.error(
            at: Keys.Dataset.packed, "needs tokenizer.max_seq_len, the length of a packed sequence",
            remedy: "Set tokenizer.max_seq_len, or packed to False.")
        }
        if dataset[Keys.Dataset.streams] {
          return dataset.error(
            at: Keys.Dataset.packed, "is not supported with streaming",
            remedy: "Set one of the two to False.")
        }
      }
      return nil
    }
  }

  private static func streaming(_ key: String, _ datasets: @escaping Datasets) -> Exclusion {
    Exclusion("\(key).shuffle_buffer_size needs streaming") { root in
      for dataset in datasets(root)
      where dataset.isGiven(Keys.Dataset.shuffleBufferSize) && !dataset[Keys.Dataset.streams] {
        return dataset.error(
          at: Keys.Dataset.shuffleBufferSize,
          "has no effect without streaming, which shuffles all records",
          remedy: "Remove the key, or set streaming to True.")
      }
      return nil
    }
  }

  private static func separator(_ key: String, _ datasets: @escaping Datasets) -> Exclusion {
    Exclusion("\(key).sep and delimiter are one setting") { root in
      for dataset in datasets(root)
      where dataset[Keys.Dataset.separator] != nil && dataset[Keys.Dataset.delimiter] != nil {
        return dataset.error(
          at: Keys.Dataset.separator, "is an alias of delimiter, which is also set",
          remedy: "Keep one.")
      }
      return nil
    }
  }

  private static func weights(_ key: String, _ datasets: @escaping Datasets) -> Exclusion {
    Exclusion("a weight in \(key) needs several datasets, each with one") { root in
      let datasets = datasets(root)
      let weighted = datasets.filter { $0[Keys.Dataset.weight] != nil }
      guard let first = weighted.first else { return nil }
      if datasets.count == 1 {
        return first.error(
          at: Keys.Dataset.weight, "has no effect with a single dataset", remedy: "Remove the key.")
      }
      guard let other = datasets.first(where: { $0[Keys.Dataset.weight] == nil }) else {
        return nil
      }
      return other.error(
        at: Keys.Dataset.weight, "is missing, but another dataset of the list has one",
        remedy: "Set a weight for every dataset of the list, or for none.")
    }
  }

  static let sequenceLength = Exclusion("tokenizer.max_seq_len is at most the model's") { root in
    let tokenizer = root[Keys.tokenizer]
    let model = root[Keys.model]
    let limit =
      model.isCheckpointModel
      ? model[Keys.Model.longestSequenceHere] : model[Keys.Model.longestSequence]
    guard let limit, let length = tokenizer[Keys.Tokenizer.longestSequence], length > limit else {
      return nil
    }
    return tokenizer.error(
      at: Keys.Tokenizer.longestSequence,
      "is \(length), but the model supports at most \(limit) tokens"
    )
  }

  static let promptTemplate = Exclusion("tokenizer.prompt_template is a known template") { root in
    let tokenizer = root[Keys.tokenizer]
    do {
      _ = try tokenizer.promptTemplate()
      return nil
    } catch let error as TuneError {
      let named = error.namingKeys()
      return tokenizer.error(at: Keys.Tokenizer.template, named.message, remedy: named.remedy)
    } catch {
      return tokenizer.error(at: Keys.Tokenizer.template, "\(error)")
    }
  }
}

extension Section {
  /// Whether a dataset's samples are packed; some datasets never are.
  package var packs: Bool { declares(Keys.Dataset.packed) && self[Keys.Dataset.packed] }
}
