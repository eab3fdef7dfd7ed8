// Strings made to be hard for a tokenizer, from a seed: every script, emoji sequences, combining
// marks in any order, runs of digits and spaces, the text of special tokens, control characters.
// Characters newer than Unicode 13 are left out, and marks newer than Unicode 9: libraries differ in
// how they class those, and tokenizers composes text by Unicode 9.
import Essentials
import Foundation

struct HardStrings {
  private var random: MersenneTwister
  /// Assigned characters by the first word of their name, which is mostly their script.
  private let scripts: [[Unicode.Scalar]]
  private let marks: [Unicode.Scalar]
  private let numerals: [Unicode.Scalar]

  init(seed: UInt64) {
    random = MersenneTwister(seed: seed)
    var byName: [Substring: [Unicode.Scalar]] = [:]
    var (marks, numerals): ([Unicode.Scalar], [Unicode.Scalar]) = ([], [])
    for value in UInt32(0x21)..<0x2_0000 {
      guard let scalar = Unicode.Scalar(value), let age = scalar.properties.age
      else { continue }
      let isMark = scalar.properties.canonicalCombiningClass != .notReordered
      if age.major > (isMark ? 9 : 13) { continue }
      let name = scalar.properties.name?.split(separator: " ").first ?? "UNNAMED"
      byName[name, default: []].append(scalar)
      if isMark { marks.append(scalar) }
      if scalar.properties.numericType != nil { numerals.append(scalar) }
    }
    scripts = byName.sorted { $0.key < $1.key }.map(\.value)
    (self.marks, self.numerals) = (marks, numerals)
  }

  static func make(_ count: Int, seed: UInt64) -> [String] {
    var maker = HardStrings(seed: seed)
    return ["", " ", "\n"] + (0..<count - 3).map { maker.string(kind: $0 % 12) }
  }

  /// Bytes that are mostly not UTF-8.
  static func bytes(_ count: Int, seed: UInt64) -> [[UInt8]] {
    var maker = HardStrings(seed: seed)
    return (0..<count).map { index in
      var bytes = Array(maker.string(kind: index % 12).utf8)
      for _ in 0..<maker.below(6) + 1 {
        bytes.insert(UInt8(maker.below(256)), at: maker.below(bytes.count + 1))
      }
      return Array(bytes.prefix(maker.below(bytes.count) + 1))
    }
  }

  private mutating func string(kind: Int) -> String {
    switch kind {
    case 0, 1: scriptText()
    case 2: (0..<below(8) + 1).map { _ in pick(Self.emoji) }.joined(separator: pick(["", " "]))
    case 3: marked()
    case 4: digits()
    case 5: (0..<below(40) + 1).map { _ in pick(Self.spaces) }.joined() + word()
    case 6: (0..<below(5) + 1).map { _ in pick(Self.special) + pick(Self.around) }.joined()
    case 7: text((0..<below(12) + 1).map { _ in pick(Self.control) })
    case 8:
      (0..<below(10) + 1).map { _ in pick(Self.contractions) }.joined(separator: pick([" ", ""]))
    case 9: pick([true, false]) ? scriptText().decomposed : marked().decomposed
    case 10: Self.code[below(Self.code.count)] + string(kind: below(10))
    default: (0..<3).map { _ in string(kind: below(11)) }.joined(separator: pick(Self.spaces))
    }
  }

  private mutating func scriptText() -> String {
    let script = scripts[below(scripts.count)]
    return (0..<below(6) + 1).map { _ in
      text((0..<below(9) + 1).map { _ in script[below(script.count)] })
    }.joined(separator: pick([" ", "", "  "]))
  }
  private mutating func word() -> String {
    text((0..<below(9)).map { _ in Unicode.Scalar(UInt8(97 + below(26))) })
  }
  private mutating func marked() -> String {
    (0..<below(5) + 1).map { _ in
      pick(Self.bases) + text((0..<below(5)).map { _ in marks[below(marks.count)] })
    }.joined()
  }
  private mutating func digits() -> String {
    let count = below(5) == 0 ? 500 + below(1000) : below(30) + 1
    let other = numerals[below(numerals.count)]
    return (0..<count).map { _ in
      below(12) == 0 ? pick([",", ".", " ", String(Character(other))]) : String(below(10))
    }.joined()
  }

  private mutating func below(_ limit: Int) -> Int {
    limit == 0 ? 0 : Int(random.next32() % UInt32(limit))
  }
  private mutating func pick<Element>(_ list: [Element]) -> Element { list[below(list.count)] }
  private func text(_ scalars: [Unicode.Scalar]) -> String {
    var text = ""
    text.unicodeScalars.append(contentsOf: scalars)
    return text
  }

  private static let emoji = [
    "\u{1F600}", "\u{1F468}\u{200D}\u{1F469}\u{200D}\u{1F467}\u{200D}\u{1F466}",
    "\u{1F44D}\u{1F3FD}", "\u{1F1E9}\u{1F1EA}", "\u{1F1EF}\u{1F1F5}\u{1F1FA}", "1\u{FE0F}\u{20E3}",
    "\u{2764}\u{FE0F}\u{200D}\u{1F525}", "\u{1F9D1}\u{1F3FF}\u{200D}\u{1F680}", "\u{263A}\u{FE0E}",
    "\u{1F3F4}\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}", "\u{1F3F3}\u{FE0F}",
    "\u{200D}", "\u{FE0F}", "\u{1F3FB}",
  ]
  private static let spaces = [
    " ", "  ", "\t", "\n", "\r\n", "\r", "\u{B}", "\u{C}", "\u{A0}", "\u{3000}", "\u{2028}",
    "\u{2029}", "\u{85}", "\u{200B}", "\u{180E}", "\u{FEFF}", "\u{1680}", "\u{2003}", "\u{202F}",
    "\u{1C}", "\u{2581}",
  ]
  private static let special = [
    "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<s>", "</s>", "<unk>", "<pad>", "<0x41>",
    "<0x0A>", "<tool_call>", "</think>", "<think>", "[INST]", "<<SYS>>", "<|im_start|",
    "<|im_start|><|im_start|>", "|im_end|>", "<|begin_of_text|>", "<mark>", "K-token",
  ]
  private static let around = [
    "", " ", "\n", "x", "\u{338}", "\u{301}", "user\n", "\u{2581}", "\u{212A}-token",
  ]
  private static let control: [Unicode.Scalar] = [
    "\u{0}", "\u{1}", "\u{8}", "\u{1B}", "\u{7F}", "\u{80}", "\u{9F}", "\u{FFFD}", "\u{FFFE}",
    "\u{FFFF}", "\u{E000}", "\u{10FFFF}", "\u{AD}", "\u{200E}", "\u{202E}", "\u{2066}", "a", " ",
  ]
  private static let contractions = [
    "it's", "IT'S", "'\u{17F}", "we'LL", "'re", "'", "\u{2019}s", "\u{212A}", "'d'm't", "don't",
    "x'",
  ]
  private static let bases = [
    "a", "e", "o", "\u{212B}", "\u{2126}", "\u{958}", "\u{1100}\u{1161}\u{11A8}", "\u{AC00}",
    "\u{FB2A}",
    "\u{1E9B}", "\u{AC00}\u{11A7}", "\u{928}", "\u{1F88}", "\u{3B9}", "\u{FDFA}",
    "\u{FF76}\u{FF9E}", ">",
  ]
  private static let code = [
    "if (a<=b && c!=d) { return x[0]->y; }\n", "\tdef f(x):\n\t\treturn x**2  # \u{2713}\n",
    "https://example.org/a?b=%20&c=1#d", "{\"a\": [1, 2.5e-3, null]}", "\\u00e9 \\n \"'`~@#$%^&*",
  ]
}

extension String {
  fileprivate var decomposed: String { decomposedStringWithCanonicalMapping }
}
