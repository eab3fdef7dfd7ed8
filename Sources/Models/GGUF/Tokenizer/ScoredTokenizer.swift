// SentencePiece's BPE, whose tokens have scores and no merges, as transformers converts Llama 2's and
// Gemma's: each way to make a token of two others is a merge, the best score first. Spaces are marked;
// what is no token falls back to its bytes.
import Essentials

struct ScoredTokenizer: Sendable {
  /// U+2581, SentencePiece's space.
  static let mark = "\u{2581}"
  let parts: JSONObject
  let model: TokenizerModel

  init(_ tokens: TokenList) throws {
    let file = tokens.file
    if let count = try file.count("tokenizer.ggml.precompiled_charsmap"), count > 0 {
      throw file.failure(
        "tokenizer.ggml.precompiled_charsmap", "normalization tables are not read",
        remedy: ImportedTokenizer.remedy, code: .unsupported)
    }
    let pieces = try Self.pieces(tokens)
    let hasBytes = tokens.kinds.reduce(0) { $0 + ($1 == .byte ? 1 : 0) } == 256
    let unknown = tokens.kinds.firstIndex(of: .unknown).map { JSON.string(pieces[$0].text) }
    let settings: JSONObject = [
      "type": "BPE", "dropout": .null, "unk_token": unknown ?? .null,
      "continuing_subword_prefix": .null, "end_of_word_suffix": .null, "fuse_unk": true,
      "byte_fallback": .bool(hasBytes), "ignore_merges": false,
    ]
    model = TokenizerModel(
      settings: settings,
      vocabulary: pieces.enumerated().filter { !tokens.isPadding($0.offset) }
        .map { ($0.element.text, $0.offset) },
      merges: try ScoredMerges(pieces, file).pairs())
    parts = try Self.parts(file)
  }

  private static func parts(_ file: GGUFFile) throws -> JSONObject {
    let replace: JSON = ["type": "Replace", "pattern": ["String": " "], "content": .string(mark)]
    let restore: JSON = ["type": "Replace", "pattern": ["String": .string(mark)], "content": " "]
    var (normalizers, decoders): ([JSON], [JSON]) = (
      [replace], [restore, ["type": "ByteFallback"], ["type": "Fuse"]]
    )
    if try file.bool("tokenizer.ggml.add_space_prefix") ?? true {
      normalizers.insert(["type": "Prepend", "prepend": .string(mark)], at: 0)
      decoders.append(["type": "Strip", "content": " ", "start": 1, "stop": 0])
    }
    return [
      "normalizer": ["type": "Sequence", "normalizers": .array(normalizers)],
      "decoder": ["type": "Sequence", "decoders": .array(decoders)],
    ]
  }

  struct Piece: Sendable {
    var text: String
    /// nil for one that no merge makes.
    var score: Float?
  }

  private static func pieces(_ tokens: TokenList) throws -> [Piece] {
    let file = tokens.file
    let key = "tokenizer.ggml.scores"
    guard let scores = try file.numbers(key), scores.count == tokens.texts.count else {
      throw file.failure(
        key, "is missing or not of the tokens' number", remedy: ImportedTokenizer.remedy)
    }
    let normal = scores.indices.filter { tokens.kinds[$0] == .normal }.map { scores[$0] }
    guard normal.allSatisfy(\.isFinite) else { throw file.failure(key, "a score is not finite") }
    // Files that were made from a tokenizer.json alone have none: the order of merges is lost.
    guard normal.count < 2 || normal.contains(where: { $0 != normal[0] }) else {
      throw file.failure(
        key, "all tokens have one score, so the order of merges is lost",
        remedy: ImportedTokenizer.remedy, code: .unsupported)
    }
    let best = max(0, normal.max() ?? 0)
    var pieces = tokens.texts.indices.map { id in
      switch tokens.kinds[id] {
      case .normal: Piece(text: tokens.texts[id], score: scores[id])
      // Matched before all others; runs of spaces are such tokens in Gemma's vocabulary.
      case .userDefined: Piece(text: marked(tokens.texts[id]), score: best)
      case .control, .unknown: Piece(text: marked(tokens.texts[id]))
      case .byte, .unused: Piece(text: tokens.texts[id])
      }
    }
    nameBytes(&pieces, tokens)
    return pieces
  }

  /// A merge needs both its halves as tokens. Gemma has tokens of several tabs, and one tab only as a
  /// byte: that byte's token gets the character's name, as transformers does.
  private static func nameBytes(_ pieces: inout [Piece], _ tokens: TokenList) {
    var inside: Set<UInt8> = []
    for piece in pieces where piece.score != nil && piece.text.utf8.count > 1 {
      for byte in piece.text.utf8 where byte < 0x80 { inside.insert(byte) }
    }
    for byte in inside.sorted() {
      let character = String(UnicodeScalar(byte))
      guard tokens.ids[TokenText(character)] == nil else { continue }
      let digits = String(byte, radix: 16, uppercase: true)
      let name = "<0x" + (digits.count < 2 ? "0" : "") + digits + ">"
      guard let id = tokens.ids[TokenText(name)], tokens.kinds[id] == .byte else { continue }
      pieces[id].text = character
    }
  }

  /// The converter wrote spaces for marks in tokens that are not normal.
  static func marked(_ text: String) -> String {
    guard text.utf8.contains(UInt8(ascii: " ")) else { return text }
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars { result.append(scalar == " " ? "\u{2581}" : scalar) }
    return String(result)
  }
}

/// All ways to make one token of two others, in the order in which they are tried: best score first,
/// then the longer first half, then the longer second one, then as the vocabulary has them.
struct ScoredMerges {
  private let bytes: [UInt8]
  private let ends: [Int]
  private let scores: [Float?]

  private static let lengthLimit = 1024

  init(_ pieces: [ScoredTokenizer.Piece], _ file: GGUFFile) throws {
    var (bytes, ends): ([UInt8], [Int]) = ([], [])
    for (id, piece) in pieces.enumerated() {
      // Each is cut at every place: without a limit, one of megabytes would take hours.
      guard piece.score == nil || piece.text.utf8.count <= Self.lengthLimit else {
        throw file.failure(
          "tokenizer.ggml.tokens", "token \(id) has \(piece.text.utf8.count) bytes",
          remedy: ImportedTokenizer.remedy)
      }
      bytes += piece.text.utf8
      ends.append(bytes.count)
    }
    (self.bytes, self.ends, scores) = (bytes, ends, pieces.map(\.score))
  }

  private struct Merge {
    var left: Int
    var right: Int
    var score: Float
    var lengths: (left: Int, right: Int)
    var place: Int
  }

  func pairs() throws -> [(String, String)] {
    var merges = bytes.withUnsafeBytes { all(in: $0) }
    merges.sort { a, b in
      if a.score != b.score { return a.score > b.score }
      if a.lengths != b.lengths { return a.lengths > b.lengths }
      return a.place < b.place
    }
    return merges.map { (text($0.left), text($0.right)) }
  }

  private func range(_ id: Int) -> Range<Int> { (id > 0 ? ends[id - 1] : 0)..<ends[id] }

  private func text(_ id: Int) -> String { String(decoding: bytes[range(id)], as: UTF8.self) }

  private func all(in buffer: UnsafeRawBufferPointer) -> [Merge] {
    var ids: [ByteSlice: Int] = [:]
    for id in ends.indices where scores[id] != nil || range(id).count == 1 {
      ids[ByteSlice(UnsafeRawBufferPointer(rebasing: buffer[range(id)]))] = id
    }
    var merges: [Merge] = []
    for id in ends.indices {
      guard let score = scores[id] else { continue }
      let own = range(id)
      var local: [Merge] = []
      let starts = own.filter { buffer[$0] & 0xC0 != 0x80 }
      for (left, cut) in starts.enumerated().dropFirst() {
        guard
          let first = ids[
            ByteSlice(UnsafeRawBufferPointer(rebasing: buffer[own.lowerBound..<cut]))],
          let second = ids[
            ByteSlice(UnsafeRawBufferPointer(rebasing: buffer[cut..<own.upperBound]))]
        else { continue }
        local.append(
          Merge(
            left: first, right: second, score: score, lengths: (left, starts.count - left),
            place: 0))
      }
      local.sort { ($0.left, $0.right) < ($1.left, $1.right) }
      for merge in local {
        merges.append(merge)
        merges[merges.count - 1].place = merges.count
      }
    }
    return merges
  }

  private struct ByteSlice: Hashable {
    let bytes: UnsafeRawBufferPointer
    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }
    static func == (a: ByteSlice, b: ByteSlice) -> Bool {
      a.bytes.count == b.bytes.count && a.bytes.elementsEqual(b.bytes)
    }
    func hash(into hasher: inout Hasher) { hasher.combine(bytes: bytes) }
  }
}
