// tiktoken's format: a line a token, its bytes in base64 and its rank. The rank is the token's id
// and also how early the token is merged, whichever two tokens it is merged from.
import Essentials
import Foundation

enum TokenizerModel {
  /// Of a token's bytes; real ones have at most some 130. Every place where a token may be cut is tried.
  static let tokenLimit = 1024

  /// - Throws: `TuneError` `.malformedFile` with file and line.
  static func parse(_ text: UnsafeRawBufferPointer, file: String) throws -> Vocabulary {
    var tokens: [(bytes: [UInt8], id: Int32)] = []
    var lines: [Int] = []
    var (start, line) = (0, 0)
    while start < text.count {
      let end = text[start...].firstIndex(of: 0x0A) ?? text.count
      line += 1
      if let token = try parseLine(text[start..<end], .init(file: file, line: line)) {
        tokens.append(token)
        lines.append(line)
      }
      start = end + 1
    }
    if tokens.isEmpty {
      throw TuneError(.malformedFile, "the tokenizer has no tokens", at: .init(file: file))
    }
    try checkUnique(tokens, lines: lines, file: file)
    let table = TokenTable(tokens, idLimit: tokens.count)
    let pairs = mergeablePairs(of: table)
    guard let encoder = BytePairEncoder(tokens: table, pairs: pairs, takesWholePieces: true) else {
      throw Vocabulary.incomplete(file)
    }
    return Vocabulary(
      encoder: encoder, splitter: try PieceSplitter(pattern: PieceSplitter.llama3Pattern),
      baseCount: tokens.count)
  }

  /// Every two tokens that together are a token may merge into it.
  static func mergeablePairs(of table: TokenTable) -> PairTable {
    var pairs = PairTable(capacity: table.count * 2)
    forEachMerge(of: table) { left, right, id in
      pairs.insert(left, right, rank: UInt32(bitPattern: id), merged: id)
    }
    return pairs
  }

  static func forEachMerge(of table: TokenTable, _ body: (Int32, Int32, Int32) -> Void) {
    for id in 0..<Int32(table.idLimit) {
      Array(table.bytes(of: id)).withUnsafeBufferPointer { token in
        for cut in stride(from: 1, to: token.count, by: 1) {
          guard let left = table.id(of: UnsafeBufferPointer(rebasing: token[..<cut])),
            let right = table.id(of: UnsafeBufferPointer(rebasing: token[cut...]))
          else { continue }
          body(left, right, id)
        }
      }
    }
  }

  /// nil for an empty line.
  private static func parseLine(
    _ line: Slice<UnsafeRawBufferPointer>, _ place: TuneError.Location
  ) throws -> (bytes: [UInt8], id: Int32)? {
    let fields = line.split { $0 == 0x20 || $0 == 0x0D || $0 == 0x09 }
    if fields.isEmpty { return nil }
    guard fields.count == 2 else {
      throw TuneError(
        .malformedFile, "expected a token in base64 and its rank, found \(fields.count) fields",
        remedy: "A tiktoken tokenizer.model or a tokenizer.json is needed.", at: place)
    }
    guard let bytes = decodeBase64(fields[0]), !bytes.isEmpty else {
      throw TuneError(.malformedFile, "the token is not valid base64", at: place)
    }
    guard bytes.count <= tokenLimit else {
      throw TuneError(
        .malformedFile, "a token of \(bytes.count) bytes; at most \(tokenLimit) are read", at: place
      )
    }
    let digits = String(decoding: fields[1], as: UTF8.self)
    guard let rank = Int32(digits), rank >= 0, Int(rank) < Vocabulary.idLimit else {
      throw TuneError(
        .malformedFile,
        "the rank '\(digits.prefix(40))' is not a number from 0 to "
          + "\(Vocabulary.idLimit - 1)", at: place)
    }
    return (bytes, rank)
  }

  private static func checkUnique(
    _ tokens: [(bytes: [UInt8], id: Int32)], lines: [Int], file: String
  ) throws {
    var ranks: Set<Int32> = []
    var seen: Set<[UInt8]> = []
    for (token, line) in zip(tokens, lines) {
      func fail(_ message: String) -> TuneError {
        TuneError(.malformedFile, message, at: .init(file: file, line: line))
      }
      if !ranks.insert(token.id).inserted { throw fail("rank \(token.id) appears twice") }
      if !seen.insert(token.bytes).inserted { throw fail("the token appears twice") }
      if Int(token.id) >= tokens.count {
        throw fail("rank \(token.id) in a file of \(tokens.count) tokens: a rank is missing")
      }
    }
  }

  /// nil when the text is not base64 with its padding.
  static func decodeBase64(_ text: some Collection<UInt8>) -> [UInt8]? {
    // Foundation would take padding anywhere.
    let padding = text.drop { $0 != UInt8(ascii: "=") }
    guard padding.count <= 2, padding.allSatisfy({ $0 == UInt8(ascii: "=") }) else { return nil }
    return Data(base64Encoded: Data(text)).map { [UInt8]($0) }
  }
}
