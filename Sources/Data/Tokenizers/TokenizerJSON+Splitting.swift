// The parts of a tokenizer.json that come before the merges: the normalizer and the pre-tokenizer.
import Essentials

extension TokenizerJSON {
  static func isComposed(_ normalizer: JSON, file: String) throws -> Bool {
    switch (normalizer, normalizer["type"]?.string) {
    case (.null, _): return false
    case (_, "NFC"): return true
    case (_, "Sequence"):
      let parts = normalizer["normalizers"]?.array ?? []
      return try parts.map { try isComposed($0, file: file) }.contains(true)
    case (_, let type):
      throw unsupported(
        file, "normalizer", "the normalizer \(type ?? normalizer.kind) is not supported")
    }
  }

  static func splitPattern(_ preTokenizer: JSON, file: String) throws -> String {
    var patterns: [String] = []
    var isByteLevel = false
    for part in try flattened(preTokenizer, file: file) {
      switch part["type"]?.string {
      case "Split": patterns.append(try splitPart(part, file: file))
      case "ByteLevel":
        isByteLevel = true
        if part["add_prefix_space"]?.bool == true {
          throw unsupported(file, "pre_tokenizer", "add_prefix_space is not supported")
        }
        if part["use_regex"]?.bool ?? true { patterns.append(PieceSplitter.gpt2Pattern) }
      case let type:
        throw unsupported(
          file, "pre_tokenizer", "the pre-tokenizer \(type ?? part.kind) is not supported")
      }
    }
    guard isByteLevel else {
      throw unsupported(file, "pre_tokenizer", "the tokenizer is not byte-level")
    }
    guard let pattern = patterns.first, patterns.count == 1 else {
      throw unsupported(
        file, "pre_tokenizer", "text is split by \(patterns.count) patterns; exactly 1 is supported"
      )
    }
    return pattern
  }

  private static func flattened(_ preTokenizer: JSON, file: String) throws -> [JSON] {
    guard preTokenizer["type"]?.string == "Sequence" else { return [preTokenizer] }
    guard let parts = preTokenizer["pretokenizers"]?.array else {
      throw malformed(file, "pre_tokenizer.pretokenizers", "expected a list")
    }
    return try parts.flatMap { try flattened($0, file: file) }
  }

  private static func splitPart(_ part: JSON, file: String) throws -> String {
    guard let pattern = part["pattern"]?["Regex"]?.string, !pattern.isEmpty else {
      throw malformed(file, "pre_tokenizer.pattern", "expected a regular expression")
    }
    let behavior = part["behavior"]?.string ?? "Isolated"
    guard behavior == "Isolated", part["invert"]?.bool != true else {
      throw unsupported(
        file, "pre_tokenizer.behavior", "only the behavior Isolated, not inverted, is supported")
    }
    return pattern
  }

  private static func unsupported(_ file: String, _ key: String, _ message: String) -> TuneError {
    TuneError(
      .unsupported, message, remedy: "Only byte-level BPE tokenizers are supported.",
      at: .init(file: file, key: key))
  }
}
