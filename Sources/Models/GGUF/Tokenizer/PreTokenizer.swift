// How a text is split before BPE, by the names of `tokenizer.ggml.pre`. The expressions are those of the
// models' published tokenizer.json files; a wrong one would change ids in silence, so only names whose
// tokenizer is known are here.
import Essentials

package struct PreTokenizer: Sendable {
  package let json: JSON
  package private(set) var normalizer: JSON = .null
  /// A piece that is a token as a whole is taken without its merges.
  package private(set) var ignoresMerges = false
  /// Where the file does not say whether texts begin with BOS: what llama.cpp does.
  var addsBOS = false

  package static let names = [
    "default", "gpt-2", "phi-2", "falcon", "smollm", "starcoder", "refact", "llama-bpe", "llama3",
    "llama-v3", "smaug-bpe", "dbrx", "qwen2", "deepseek-r1-qwen", "tekken", "gpt-4o",
    "deepseek-coder", "deepseek-v3",
  ]

  package init?(named name: String) {
    switch name {
    case "gpt-2", "phi-2": json = Self.byteLevel(splits: true)
    case "smollm", "starcoder", "refact":
      json = Self.sequence([Self.digits, Self.byteLevel(splits: true)])
    case "default", "falcon": json = Self.falcon(isDefault: name == "default")
    case "llama-bpe", "llama3", "llama-v3":
      json = Self.split(Self.gpt4)
      (ignoresMerges, addsBOS) = (true, true)
    case "smaug-bpe", "dbrx": json = Self.split(Self.gpt4)
    case "qwen2", "deepseek-r1-qwen":
      json = Self.split(Self.gpt4.replacing(#"\p{N}{1,3}"#, with: #"\p{N}"#))
      normalizer = ["type": "NFC"]
    case "tekken":
      json = Self.split(Self.cased(suffix: "", digits: #"\p{N}"#))
      (ignoresMerges, addsBOS) = (true, true)
    case "gpt-4o":
      json = Self.split(Self.cased(suffix: Self.contractions + "?", digits: #"\p{N}{1,3}"#))
    case "deepseek-coder": json = Self.deepSeekCoder
    case "deepseek-v3": json = Self.deepSeek3
    default: return nil
    }
  }

  // MARK: Parts

  static func byteLevel(splits: Bool) -> JSON {
    [
      "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
      "use_regex": .bool(splits),
    ]
  }

  private static func sequence(_ parts: [JSON]) -> JSON {
    ["type": "Sequence", "pretokenizers": .array(parts)]
  }

  private static func isolated(_ expression: String) -> JSON {
    [
      "type": "Split", "pattern": ["Regex": .string(expression)], "behavior": "Isolated",
      "invert": false,
    ]
  }

  /// Pieces are the matches of one expression.
  private static func split(_ expression: String) -> JSON {
    sequence([isolated(expression), byteLevel(splits: false)])
  }

  private static let digits: JSON = ["type": "Digits", "individual_digits": true]

  private static let contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
  private static let spaces = #"\s*[\r\n]+|\s+(?!\S)|\s+"#

  private static let gpt4 =
    contractions + #"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"# + spaces

  /// Words are split where capitals begin.
  private static func cased(suffix: String, digits: String) -> String {
    let (upper, lower) = (#"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"#, #"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"#)
    let before = #"[^\r\n\p{L}\p{N}]?"#
    return "\(before)\(upper)*\(lower)+\(suffix)|\(before)\(upper)+\(lower)*\(suffix)|\(digits)|"
      + #" ?[^\s\p{L}\p{N}]+[\r\n/]*|"# + spaces
  }

  /// Falcon's, and llama.cpp's for files that say "default": punctuation, GPT-2's expression, digits.
  private static func falcon(isDefault: Bool) -> JSON {
    let gpt2 = #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)"#
    let punctuation = #"[\p{P}\$\+<=>\^~\|"# + (isDefault ? "]+" : "`]+")
    let parts = [punctuation, gpt2] + (isDefault ? [#"\p{N}+"#] : []) + ["[0-9][0-9][0-9]"]
    return sequence(parts.map(isolated) + [byteLevel(splits: false)])
  }

  private static let deepSeekCoder: JSON = {
    let expressions = ["[\r\n]", #"\s?\p{L}+"#, #"\s?\p{P}+"#, "[一-龥ࠀ-一가-퟿]+"]
    return sequence(expressions.map(isolated) + [digits, byteLevel(splits: false)])
  }()

  private static let deepSeek3: JSON = {
    let marks = ##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+"##
    let words = #"[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|"#
    let expressions = [#"\p{N}{1,3}"#, "[一-龥぀-ゟ゠-ヿ]+", marks + "|" + words + spaces]
    return sequence(expressions.map(isolated) + [byteLevel(splits: false)])
  }()
}
