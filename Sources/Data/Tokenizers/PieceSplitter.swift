// The pre-tokenizer: a regular expression cuts text into pieces (words, numbers, runs of spaces)
// that are encoded each on its own. PCRE2 in UTF mode with Unicode properties, compiled to machine
// code where the system allows it. What lies between two matches is a piece too.
import CPCRE2
import Essentials

/// The compiled pattern never changes and PCRE2 lets many threads match with it.
final class PieceSplitter: @unchecked Sendable {
  /// Llama 3's rule, also known as cl100k with numbers of at most three digits.
  static let llama3Pattern =
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"#
    + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  /// Qwen's rule: Llama 3's with each digit alone.
  static let qwenPattern =
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"#
    + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  /// GPT-2's rule, which tokenizers use that name no pattern.
  static let gpt2Pattern =
    #"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

  private let code: OpaquePointer

  /// - Throws: `TuneError` `.malformedFile` when the pattern is no regular expression.
  init(pattern: String, file: String? = nil) throws {
    let source = Self.withUnicodeSpaces(pattern)
    var (errorCode, offset): (Int32, Int) = (0, 0)
    let options = UInt32(PCRE2_UTF) | UInt32(PCRE2_UCP)
    let compiled = Array(source.utf8).withUnsafeBufferPointer {
      pcre2_compile_8($0.baseAddress, $0.count, options, &errorCode, &offset, nil)
    }
    guard let compiled else {
      throw TuneError(
        .malformedFile, "cannot read the pattern '\(pattern)': \(Self.message(errorCode))",
        at: .init(file: file, key: "pre_tokenizer"))
    }
    code = compiled
    // Where machine code is not allowed, matching interprets the pattern: slower, same pieces.
    _ = pcre2_jit_compile_8(compiled, UInt32(PCRE2_JIT_COMPLETE))
  }

  deinit { pcre2_code_free_8(code) }

  /// Visits the pieces of valid UTF-8 in order; together they are the whole text.
  func forEachPiece(
    in text: UnsafeBufferPointer<UInt8>, _ body: (UnsafeBufferPointer<UInt8>) -> Void
  ) throws {
    guard let match = pcre2_match_data_create_8(1, nil) else { throw Self.failure(0) }
    defer { pcre2_match_data_free_8(match) }
    guard let bounds = pcre2_get_ovector_pointer_8(match) else { throw Self.failure(0) }
    func visit(_ range: Range<Int>) {
      if !range.isEmpty { body(UnsafeBufferPointer(rebasing: text[range])) }
    }
    var (covered, position) = (0, 0)
    while position < text.count {
      let found = try matches(text, from: position, match)
      if !found { break }
      let (start, end) = (Int(bounds[0]), Int(bounds[1]))
      // A lookbehind or \K can report a match that does not advance.
      if end <= position || start < covered {
        position = Self.next(position, in: text)
        continue
      }
      visit(covered..<start)
      visit(start..<end)
      (covered, position) = (end, end)
    }
    visit(covered..<text.count)
  }

  private func matches(
    _ text: UnsafeBufferPointer<UInt8>, from position: Int, _ match: OpaquePointer
  ) throws -> Bool {
    let checked = UInt32(PCRE2_NO_UTF_CHECK)
    var status = pcre2_match_8(
      code, text.baseAddress, text.count, position, checked, match, nil)
    if status == PCRE2_ERROR_JIT_STACKLIMIT {
      status = pcre2_match_8(
        code, text.baseAddress, text.count, position, checked | UInt32(PCRE2_NO_JIT), match, nil)
    }
    if status == PCRE2_ERROR_NOMATCH { return false }
    if status < 0 { throw Self.failure(status) }
    return true
  }

  /// The start of the character after the one at `position`.
  private static func next(_ position: Int, in text: UnsafeBufferPointer<UInt8>) -> Int {
    var next = position + 1
    while next < text.count, text[next] & 0xC0 == 0x80 { next += 1 }
    return next
  }

  private static func failure(_ status: Int32) -> TuneError {
    TuneError(
      .unsupported, "cannot split the text with the tokenizer's pattern: \(message(status))",
      remedy: "The pattern of this tokenizer.json is too costly for this text.")
  }

  private static func message(_ status: Int32) -> String {
    var buffer = [UInt8](repeating: 0, count: 256)
    let count = pcre2_get_error_message_8(status, &buffer, buffer.count)
    return count < 0
      ? "error \(status)" : String(decoding: buffer.prefix(Int(count)), as: UTF8.self)
  }

  /// PCRE2 counts U+180E among the spaces, which Unicode has not done since version 6.3. Spelling
  /// the class out makes the pieces equal to those of the reference tokenizers.
  static func withUnicodeSpaces(_ pattern: String) -> String {
    let spaces =
      #"\t-\r\x20\x85\xA0\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}"#
    var (result, isEscaped, isInClass) = ("", false, false)
    for character in pattern.unicodeScalars {
      if isEscaped {
        isEscaped = false
        switch (character, isInClass) {
        case ("s", true): result += spaces
        case ("s", false): result += "[\(spaces)]"
        case ("S", false): result += "[^\(spaces)]"
        default: result += "\\" + String(character)
        }
      } else if character == "\\" {
        isEscaped = true
      } else {
        if character == "[" { isInClass = true }
        if character == "]" { isInClass = false }
        result.unicodeScalars.append(character)
      }
    }
    return isEscaped ? result + "\\" : result
  }
}
