// Text to ids and back as SentencePiece does it: normalize, cut into pieces by the model's
// algorithm, and spell what no piece covers in bytes or as the unknown token.

/// One algorithm that cuts normalized text into pieces.
protocol SentencePieceCutter: Sendable {
  func cut(_ text: UnsafeBufferPointer<UInt8>, into ids: inout [Int32])
}

final class SentencePieceEncoder: Sendable {
  let model: SentencePieceModel
  private let normalization: NormalizationRules
  private let cutter: any SentencePieceCutter

  init(_ model: SentencePieceModel) {
    self.model = model
    var normalization = model.normalization
    normalization.protect(
      ByteTrie(
        model.pieces.enumerated().filter { $1.kind == .userDefined }.map { ($1.text, Int32($0)) }))
    self.normalization = normalization
    switch model.algorithm {
    case .bytePair: cutter = BytePairCutter(model, protected: normalization.protected)
    case .unigram: cutter = UnigramCutter(model)
    case .word: cutter = WordCutter(model)
    case .character: cutter = CharacterCutter(model, protected: normalization.protected)
    }
  }

  /// Bytes that are not UTF-8 count as one U+FFFD each.
  func encode(_ text: UnsafeBufferPointer<UInt8>, into ids: inout [Int32]) {
    let normalized = normalization.apply(to: text, suffixed: model.treatsSpaceAsSuffix)
    normalized.withUnsafeBufferPointer { cutter.cut($0, into: &ids) }
  }

  /// Ids without a piece become U+FFFD.
  /// - Parameter isContinuation: whether other tokens come before; then a first space stays.
  func decode(_ ids: some Sequence<Int32>, isContinuation: Bool) -> [UInt8] {
    var (text, pendingBytes): ([UInt8], [UInt8]) = ([], [])
    var (atStart, tookSpace) = (!isContinuation, false)
    for id in ids {
      guard id >= 0, Int(id) < model.pieces.count else {
        text += Self.utf8(pendingBytes) + [0xEF, 0xBF, 0xBD]
        pendingBytes = []
        continue
      }
      let piece = model.pieces[Int(id)]
      if piece.kind == .byte, let byte = piece.byte {
        pendingBytes.append(byte)
        continue
      }
      text += Self.utf8(pendingBytes)
      pendingBytes = []
      if tookSpace || !text.isEmpty { atStart = false }
      let part: [UInt8]
      (part, tookSpace) = surface(of: piece, atStart: atStart)
      text += part
    }
    text += Self.utf8(pendingBytes)
    guard let denormalization = model.denormalization else { return text }
    return text.withUnsafeBufferPointer { denormalization.apply(to: $0, suffixed: false) }
  }

  private func surface(
    of piece: SentencePieceModel.Piece, atStart: Bool
  ) -> (text: [UInt8], tookSpace: Bool) {
    if piece.kind == .control { return ([], false) }
    if piece.kind == .unknown { return (model.unknownSurface, false) }
    let space = SentencePieceModel.space
    var rest = piece.text[...]
    var tookSpace = false
    let rules = model.normalization
    if atStart, rules.addsDummyPrefix || rules.removesExtraSpaces, rest.starts(with: space) {
      rest.removeFirst(space.count)
      // Where extra spaces are removed, all those at the start of the text go.
      tookSpace = !rules.removesExtraSpaces
    }
    var text: [UInt8] = []
    while !rest.isEmpty {
      if rest.starts(with: space) {
        text.append(0x20)
        rest.removeFirst(space.count)
      } else {
        text.append(rest.removeFirst())
      }
    }
    return (text, tookSpace)
  }

  /// With a U+FFFD for each byte that is not part of a character.
  private static func utf8(_ bytes: [UInt8]) -> [UInt8] {
    var text: [UInt8] = []
    var position = 0
    bytes.withUnsafeBufferPointer { bytes in
      while position < bytes.count {
        if let count = characterLength(of: bytes, at: position) {
          text += bytes[position..<position + count]
          position += count
        } else {
          text += [0xEF, 0xBF, 0xBD]
          position += 1
        }
      }
    }
    return text
  }
}

/// Writes pieces as ids: those without one in bytes, or as one unknown token for a whole run.
struct PieceWriter: Sendable {
  private let unknownID: Int32
  private let byteIDs: [Int32]

  init(_ model: SentencePieceModel) { (unknownID, byteIDs) = (model.unknownID, model.byteIDs) }

  /// - Parameter id: the piece that `text` is, or nil.
  func write(_ id: Int32?, _ text: UnsafeBufferPointer<UInt8>, to ids: inout [Int32]) {
    if let id {
      ids.append(id)
    } else if !byteIDs.isEmpty {
      for byte in text { ids.append(byteIDs[Int(byte)]) }
    } else if ids.last != unknownID {
      ids.append(unknownID)
    }
  }

  /// Removes the unknown token at `position` where it goes on from one before it.
  func join(at position: Int, in ids: inout [Int32]) {
    if byteIDs.isEmpty, position > 0, position < ids.count, ids[position] == unknownID,
      ids[position - 1] == unknownID
    {
      ids.remove(at: position)
    }
  }
}
