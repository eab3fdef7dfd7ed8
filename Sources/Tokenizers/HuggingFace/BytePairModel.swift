// Byte pair encoding over characters: each is a token, some bytes, or unknown; then pairs merge as
// in the other byte pair tokenizers. Byte-level tokenizers come here with the characters that stand
// for bytes, so a byte without a token is a character without one.
import Essentials

struct BytePairModel: Sendable {
  let table: TokenTable
  private let pairs: PairTable
  /// nil where unknown characters are left out.
  private let unknownName: String?
  private let unknownID: Int32?
  private let place: TuneError.Location
  private let fusesUnknown: Bool
  private let takesWholePieces: Bool
  /// Put before each character but the first, and after the last one, when tokens are looked up.
  private let prefix, suffix: [UInt8]
  /// The tokens of the bytes, -1 for a byte that has none; empty without byte fallback.
  private let byteIDs: [Int32]
  /// The token of each character below U+0800; -1 where there is none.
  private let shortIDs: [Int32]

  init(_ component: Component) throws {
    if let dropout = component.json["dropout"], !dropout.isNull, dropout.double != 0 {
      throw component.child("dropout").unsupported(
        "merges left out at random are not supported", remedy: "Set dropout to null.")
    }
    let table = try TokenVocabulary(component).table
    self.table = table
    prefix = Array((try component.optionalString("continuing_subword_prefix") ?? "").utf8)
    suffix = Array((try component.optionalString("end_of_word_suffix") ?? "").utf8)
    fusesUnknown = try component.bool("fuse_unk", default: false)
    takesWholePieces = try component.bool("ignore_merges", default: false)
    unknownName = try component.optionalString("unk_token")
    unknownID = unknownName.flatMap { table.id(of: $0.utf8) }
    place = .init(file: component.file, key: component.key + ".unk_token")
    byteIDs =
      try component.bool("byte_fallback", default: false)
      ? (0...UInt8.max).map { table.id(of: fallbackName(of: $0)) ?? -1 } : []
    shortIDs = (0..<0x800).map { scalar in
      var text: [UInt8] = []
      appendUTF8(UInt32(scalar), to: &text)
      return table.id(of: text) ?? -1
    }
    pairs = try Self.pairs(component, table, prefix: prefix)
  }

  private static func pairs(
    _ component: Component, _ table: TokenTable, prefix: [UInt8]
  ) throws -> PairTable {
    guard let merges = component.json["merges"]?.array else {
      throw component.child("merges").malformed("the merges are missing or not a list")
    }
    if merges.count > 1 << 26 { throw component.child("merges").malformed("too many merges") }
    var pairs = PairTable(capacity: merges.count)
    var rank = UInt32(0)
    var found: [(left: Int32, right: Int32, rank: UInt32, merged: Int32)] = []
    found.reserveCapacity(merges.count)
    for (position, merge) in merges.enumerated() {
      func malformed(_ message: String) -> TuneError {
        TuneError(
          .malformedFile, message,
          at: .init(file: component.file, key: "\(component.key).merges[\(position)]"))
      }
      var parts: [[UInt8]]
      if let text = merge.string {
        if text.hasPrefix("#version") { continue }
        parts = text.utf8.split(separator: 0x20, omittingEmptySubsequences: false).map { Array($0) }
      } else {
        parts = (merge.array ?? []).map { Array(($0.string ?? "").utf8) }
      }
      guard parts.count == 2 else { throw malformed("expected two tokens") }
      guard let left = table.id(of: parts[0]), let right = table.id(of: parts[1]),
        parts[1].count >= prefix.count,
        let merged = table.id(of: parts[0] + parts[1].dropFirst(prefix.count))
      else {
        let names = parts.map { String(decoding: $0, as: UTF8.self) }
        throw malformed("'\(names[0])' and '\(names[1])' or their merge is not in the vocabulary")
      }
      found.append((left, right, rank, merged))
      rank += 1
    }
    // Of equal pairs the library keeps the last one, the table the first one.
    for merge in found.reversed() {
      pairs.insert(merge.left, merge.right, rank: merge.rank, merged: merge.merged)
    }
    return pairs
  }

  func encode(
    _ piece: UnsafeBufferPointer<UInt8>, into ids: inout [Int32], cache: inout PieceCache
  ) throws {
    let hash = hashOfBytes(piece)
    if cache.append(piece, hash: hash, to: &ids) { return }
    let start = ids.count
    if takesWholePieces, let whole = table.id(of: piece) {
      ids.append(whole)
    } else {
      var chain = MergeChain(try symbols(of: piece))
      chain.mergeAll(by: pairs)
      chain.append(to: &ids)
    }
    cache.insert(piece, hash: hash, tokens: ids[start...])
  }

  /// The tokens of the characters before any merge.
  private func symbols(of piece: UnsafeBufferPointer<UInt8>) throws -> [Int32] {
    var symbols: [Int32] = []
    symbols.reserveCapacity(piece.count)
    var isUnknown = false
    var position = 0
    while position < piece.count {
      let (scalar, width) = decodeScalar(piece, at: position)
      let range = position..<min(position + width, piece.count)
      position = range.upperBound
      if let id = id(of: scalar, piece, range) {
        if isUnknown, let unknownID { symbols.append(unknownID) }
        isUnknown = false
        symbols.append(id)
      } else if let bytes = bytes(of: piece, range) {
        // An unknown token that is still open comes after them, as in the library.
        symbols.append(contentsOf: bytes)
      } else if let unknownName {
        guard let unknownID else { throw missingUnknown(unknownName, at: place) }
        if isUnknown, !fusesUnknown { symbols.append(unknownID) }
        isUnknown = true
      }
    }
    if isUnknown, let unknownID { symbols.append(unknownID) }
    return symbols
  }

  @inline(__always)
  private func id(
    of scalar: UInt32, _ piece: UnsafeBufferPointer<UInt8>, _ range: Range<Int>
  ) -> Int32? {
    if prefix.isEmpty && suffix.isEmpty {
      if scalar < 0x800 { return shortIDs[Int(scalar)] < 0 ? nil : shortIDs[Int(scalar)] }
      return table.id(of: UnsafeBufferPointer(rebasing: piece[range]))
    }
    return table.id(of: spelled(piece, range))
  }

  private func spelled(_ piece: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> [UInt8] {
    (range.lowerBound > 0 ? prefix : []) + piece[range]
      + (range.upperBound == piece.count ? suffix : [])
  }

  /// The tokens of a character's bytes, if byte fallback is on and each has one.
  private func bytes(of piece: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> [Int32]? {
    if byteIDs.isEmpty { return nil }
    let ids = spelled(piece, range).map { byteIDs[Int($0)] }
    return ids.contains(-1) ? nil : ids
  }
}

/// How byte fallback spells a byte: `<0x0A>`.
func fallbackName(of byte: UInt8) -> [UInt8] {
  let digits = Array("0123456789ABCDEF".utf8)
  return Array("<0x".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]] + Array(">".utf8)
}
