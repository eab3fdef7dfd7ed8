// A compiled regular expression over UTF-8 (PCRE2 with Unicode properties, as machine code where the
// system allows it). Matches are found as Oniguruma's `find_iter` finds them, which the reference
// tokenizers use: an empty match right after another match is skipped.
import CPCRE2
import Essentials

/// The compiled pattern never changes, and PCRE2 lets many threads match with it.
final class RegularExpression: @unchecked Sendable {
  private let code: OpaquePointer
  /// The file and key that hold the pattern.
  private let place: TuneError.Location

  /// - Parameters:
  ///   - pattern: in PCRE2's syntax.
  ///   - place: the file and key that hold it, for the error.
  /// - Throws: `TuneError` `.malformedFile` when it is no regular expression.
  init(pattern: String, at place: TuneError.Location = .init()) throws {
    var (errorCode, offset): (Int32, Int) = (0, 0)
    let options = UInt32(PCRE2_UTF) | UInt32(PCRE2_UCP) | UInt32(PCRE2_MULTILINE)
    let compiled = Array(pattern.utf8).withUnsafeBufferPointer {
      pcre2_compile_8($0.baseAddress, $0.count, options, &errorCode, &offset, nil)
    }
    guard let compiled else {
      throw TuneError(
        .malformedFile, "cannot read the pattern '\(pattern)': \(Self.message(errorCode))",
        at: place)
    }
    code = compiled
    self.place = place
    // Where machine code is not allowed, matching interprets the pattern: slower, same matches.
    _ = pcre2_jit_compile_8(compiled, UInt32(PCRE2_JIT_COMPLETE))
  }

  deinit { pcre2_code_free_8(code) }

  /// Calls `body` with what looks for matches in one text after another.
  func withMatcher<Result>(_ body: (borrowing Matcher) throws -> Result) throws -> Result {
    guard let match = pcre2_match_data_create_8(1, nil) else { throw Self.failure(0, place) }
    defer { pcre2_match_data_free_8(match) }
    guard let bounds = pcre2_get_ovector_pointer_8(match) else {
      throw Self.failure(0, place)
    }
    return try body(Matcher(code: code, match: match, bounds: bounds, place: place))
  }

  struct Matcher: ~Copyable {
    fileprivate let code: OpaquePointer
    fileprivate let match: OpaquePointer
    fileprivate let bounds: UnsafeMutablePointer<Int>
    fileprivate let place: TuneError.Location

    /// Visits the matches in valid UTF-8 from left to right.
    /// - Throws: `TuneError` `.unsupported` when the pattern is too costly for the text.
    func forEachMatch(
      in text: UnsafeBufferPointer<UInt8>, _ body: (_ start: Int, _ end: Int) throws -> Void
    ) throws {
      var (position, lastEnd) = (0, -1)
      while position <= text.count, try matches(text, from: position) {
        let (start, end) = (bounds[0], bounds[1])
        // `\K` can report a match that begins before the last one ended.
        if start == end && end == lastEnd || start < lastEnd || end < start {
          position = Self.next(position, in: text)
          continue
        }
        (position, lastEnd) = (end, end)
        try body(start, end)
      }
    }

    private func matches(_ text: UnsafeBufferPointer<UInt8>, from position: Int) throws -> Bool {
      let checked = UInt32(PCRE2_NO_UTF_CHECK)
      var status = pcre2_match_8(
        code, text.baseAddress, text.count, position, checked, match, nil)
      if status == PCRE2_ERROR_JIT_STACKLIMIT {
        status = pcre2_match_8(
          code, text.baseAddress, text.count, position, checked | UInt32(PCRE2_NO_JIT), match, nil)
      }
      if status == PCRE2_ERROR_NOMATCH { return false }
      if status < 0 { throw RegularExpression.failure(status, place) }
      return true
    }

    /// The start of the character after the one at `position`.
    private static func next(_ position: Int, in text: UnsafeBufferPointer<UInt8>) -> Int {
      var next = position + 1
      while next < text.count, text[next] & 0xC0 == 0x80 { next += 1 }
      return next
    }
  }

  private static func failure(_ status: Int32, _ place: TuneError.Location) -> TuneError {
    TuneError(
      .unsupported, "cannot split the text with the tokenizer's pattern: \(message(status))",
      remedy: "The pattern takes too long on this text: use another tokenizer, or split the text.",
      at: place)
  }

  private static func message(_ status: Int32) -> String {
    var buffer = [UInt8](repeating: 0, count: 256)
    let count = pcre2_get_error_message_8(status, &buffer, buffer.count)
    return count < 0
      ? "error \(status)" : String(decoding: buffer.prefix(Int(count)), as: UTF8.self)
  }
}
