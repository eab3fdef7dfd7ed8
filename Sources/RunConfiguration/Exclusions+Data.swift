// What data and tokenizers demand of each other.
import Essentials
import Templates

extension Exclusions {
  /// The rules of a key that holds one dataset or several.
  static func dataRules(of key: String) -> [Exclusion] {
    [packing(key), streaming(key), separator(key), weights(key)]
  }

  private static func packing(_ key: String) -> Exclusion {
    Exclusion("\(key).packed needs tokenizer.max_seq_len and excludes streaming") { root in
      for dataset in root.sections(key) where dataset.packs {
        if root.section("tokenizer").optionalInt("max_seq_len") == nil {
          return dataset.error(
            at: "packed", "needs tokenizer.max_seq_len, the length that is filled",
            remedy: "Set tokenizer.max_seq_len, or packed to False.")
        }
        if dataset.bool("streaming") {
          return dataset.error(
            at: "packed", "needs all data at once, and streaming keeps none of it",
            remedy: "Set one of the two to False.")
        }
      }
      return nil
    }
  }

  private static func streaming(_ key: String) -> Exclusion {
    Exclusion("\(key).shuffle_buffer_size needs streaming") { root in
      for dataset in root.sections(key)
      where dataset.isGiven("shuffle_buffer_size") && !dataset.bool("streaming") {
        return dataset.error(
          at: "shuffle_buffer_size", "does nothing without streaming: all records are shuffled",
          remedy: "Remove the key, or set streaming to True.")
      }
      return nil
    }
  }

  private static func separator(_ key: String) -> Exclusion {
    Exclusion("\(key).sep and delimiter are one setting") { root in
      for dataset in root.sections(key)
      where dataset.optionalString("sep") != nil && dataset.optionalString("delimiter") != nil {
        return dataset.error(
          at: "sep", "is another name of delimiter, which is given too", remedy: "Keep one.")
      }
      return nil
    }
  }

  private static func weights(_ key: String) -> Exclusion {
    Exclusion("a weight in \(key) needs several datasets, each with one") { root in
      let datasets = root.sections(key)
      let weighted = datasets.filter { $0.optionalDouble("weight") != nil }
      guard let first = weighted.first else { return nil }
      if datasets.count == 1 {
        return first.error(
          at: "weight", "does nothing for a single dataset", remedy: "Remove the key.")
      }
      guard let other = datasets.first(where: { $0.optionalDouble("weight") == nil }) else {
        return nil
      }
      return other.error(
        at: "weight", "is missing here, and another dataset of the list has one",
        remedy: "Give each dataset of the list a weight, or none.")
    }
  }

  static let sequenceLength = Exclusion("tokenizer.max_seq_len is at most the model's") { root in
    let tokenizer = root.section("tokenizer")
    let limit = root.section("model").int("max_seq_len")
    guard let length = tokenizer.optionalInt("max_seq_len"), length > limit else { return nil }
    return tokenizer.error(
      at: "max_seq_len", "is \(length), and the model sees at most \(limit) tokens")
  }

  static let promptTemplate = Exclusion("tokenizer.prompt_template is a known template") { root in
    let tokenizer = root.section("tokenizer")
    do {
      _ = try tokenizer.promptTemplate()
      return nil
    } catch let error as TuneError {
      return tokenizer.error(at: "prompt_template", error.message, remedy: error.remedy)
    } catch {
      return tokenizer.error(at: "prompt_template", "\(error)")
    }
  }
}

extension Section {
  /// Whether a dataset's samples are packed; some datasets never are.
  var packs: Bool { declares("packed") && bool("packed") }

  /// The template of a tokenizer.
  /// - Throws: for one that does not exist, or a role that does not.
  package func promptTemplate() throws -> PromptTemplate? {
    let key = "prompt_template"
    if holdsMap(key) { return try stringsMap(key).map { try PromptTemplate(tags: $0) } }
    return try optionalString(key).map { try PromptTemplate(component: $0) }
  }
}
