// What a SentencePiece .model file says, read and checked: the pieces with scores and kinds, how
// text is normalized before it is cut, and which algorithm cuts it. The file is a protobuf message
// (sentencepiece_model.proto of github.com/google/sentencepiece), read here without that library:
// the one Debian carries crashes on broken models.
import Essentials

struct SentencePieceModel: Sendable {
  /// The numbers are those of the file format.
  enum Algorithm: Int32, Sendable {
    case unigram = 1
    case bytePair = 2
    case word = 3
    case character = 4
  }
  enum Kind: Int32, Sendable {
    case normal = 1
    case unknown = 2
    case control = 3
    case userDefined = 4
    case unused = 5
    case byte = 6
  }
  struct Piece: Sendable {
    var text: [UInt8] = []
    var score: Float = 0
    var kind = Kind.normal
    /// Pieces that text is cut into; the others have meanings of their own.
    var isOrdinary: Bool { kind == .normal || kind == .userDefined || kind == .unused }
    /// The byte it is written as: `<0x41>` is 0x41.
    var byte: UInt8? {
      guard text.count == 6, text.starts(with: "<0x".utf8), text[5] == UInt8(ascii: ">") else {
        return nil
      }
      let digits = "0123456789ABCDEF".utf8
      guard let high = Array(digits).firstIndex(of: text[3]),
        let low = Array(digits).firstIndex(of: text[4])
      else { return nil }
      return UInt8(high * 16 + low)
    }
  }

  var pieces: [Piece] = []
  var algorithm = Algorithm.unigram
  var hasByteFallback = false
  var treatsSpaceAsSuffix = false
  var (beginName, endName) = (Array("<s>".utf8), Array("</s>".utf8))
  /// What an unknown token is decoded to.
  var unknownSurface = Array(" \u{2047} ".utf8)
  var normalization = NormalizationRules()
  /// Applied to decoded text; only models trained with such rules have it.
  var denormalization: NormalizationRules?

  private(set) var unknownID: Int32 = -1
  /// The ids of the pieces that are not ordinary, by their text.
  private(set) var reserved: [[UInt8]: Int32] = [:]
  /// The id of each byte, or empty without byte fallback.
  private(set) var byteIDs: [Int32] = []

  /// Far above any piece in use; a bound on the time a lying file takes.
  private static let pieceLimit = 1024
  /// The sign that spaces are written as: U+2581.
  static let space: [UInt8] = [0xE2, 0x96, 0x81]

  /// - Throws: `TuneError`: `.malformedFile` for a broken model, `.unsupported` for one that cannot
  ///   be followed exactly.
  static func load(path: String) throws -> SentencePieceModel {
    let file = try MappedFile(path: path)
    return try withExtendedLifetime(file) {
      try SentencePieceModel(UnsafeRawBufferPointer(file.bytes), file: path)
    }
  }

  init(_ bytes: UnsafeRawBufferPointer, file: String) throws {
    var reader = ProtobufReader(bytes, file: file)
    while let (field, value) = try reader.next() {
      guard let message = value.bytes else { continue }
      var part = ProtobufReader(message, file: file)
      switch field {
      case 1: pieces.append(try Self.piece(&part, id: pieces.count, file: file))
      case 2: try readTrainerSpec(&part, file: file)
      case 3: try normalization.read(&part, file: file)
      case 5:
        var rules = NormalizationRules()
        try rules.read(&part, file: file)
        rules.protect(ByteTrie([]))
        denormalization = rules.replacements == nil ? nil : rules
      default: break
      }
    }
    try index(file: file)
  }

  private static func piece(
    _ message: inout ProtobufReader, id: Int, file: String
  ) throws -> Piece {
    var piece = Piece()
    while let (field, value) = try message.next() {
      switch field {
      case 1: piece.text = value.bytes.map { Array($0) } ?? piece.text
      case 2: piece.score = value.float ?? piece.score
      case 3:
        guard let kind = value.int32.flatMap(Kind.init(rawValue:)) else {
          throw malformed("is of an unknown kind", id, file)
        }
        piece.kind = kind
      default: break
      }
    }
    if piece.text.count > pieceLimit {
      throw malformed("is longer than \(pieceLimit) bytes", id, file)
    }
    if piece.text.isEmpty { throw malformed("has no text", id, file) }
    if !piece.score.isFinite { throw malformed("has no finite score", id, file) }
    if String(validating: piece.text, as: UTF8.self) == nil {
      throw malformed("is not valid UTF-8", id, file)
    }
    return piece
  }

  private mutating func readTrainerSpec(_ message: inout ProtobufReader, file: String) throws {
    func text(_ value: ProtobufReader.Value, else old: [UInt8]) -> [UInt8] {
      value.bytes.map { Array($0) } ?? old
    }
    while let (field, value) = try message.next() {
      switch field {
      case 3:
        guard let known = value.int32.flatMap(Algorithm.init(rawValue:)) else {
          throw TuneError(
            .unsupported, "the SentencePiece model is of an unknown type",
            remedy: "Known types: unigram, bpe, word, char.",
            at: .init(file: file, key: "trainer_spec.model_type"))
        }
        algorithm = known
      case 24: treatsSpaceAsSuffix = value.bool ?? false
      case 35: hasByteFallback = value.bool ?? false
      case 44: unknownSurface = text(value, else: unknownSurface)
      case 46: beginName = text(value, else: beginName)
      case 47: endName = text(value, else: endName)
      default: break
      }
    }
  }

  /// Looks the pieces up once, and refuses a model that contradicts itself.
  private mutating func index(file: String) throws {
    let size = pieces.reduce(0) { $0 + $1.text.count }
    if pieces.count > Vocabulary.idLimit || size > 1 << 30 {
      throw TuneError(
        .malformedFile, "\(pieces.count) pieces of \(size) bytes are more than any model has",
        at: .init(file: file))
    }
    var ordinary: Set<[UInt8]> = []
    var bytes = [Int32](repeating: -1, count: 256)
    for (id, piece) in pieces.enumerated() {
      let isNew =
        piece.isOrdinary
        ? ordinary.insert(piece.text).inserted
        : reserved.updateValue(Int32(id), forKey: piece.text) == nil
      if !isNew { throw Self.malformed("appears twice", id, file) }
      switch piece.kind {
      case .unknown where unknownID >= 0:
        throw Self.malformed("is a second unknown piece", id, file)
      case .unknown: unknownID = Int32(id)
      case .byte:
        guard hasByteFallback else {
          throw Self.malformed("stands for a byte, but byte_fallback is off", id, file)
        }
        guard let byte = piece.byte else {
          throw Self.malformed("is not written as a byte", id, file)
        }
        bytes[Int(byte)] = Int32(id)
      case .unused where algorithm == .bytePair:
        throw TuneError(
          .unsupported, "piece \(id) is switched off, which only unigram models may have",
          at: .init(file: file, key: "pieces[\(id)].type"))
      default: break
      }
    }
    if unknownID < 0 {
      throw TuneError(.malformedFile, "the model has no unknown piece", at: .init(file: file))
    }
    if hasByteFallback {
      if bytes.contains(-1) { throw Vocabulary.incomplete(file) }
      byteIDs = bytes
    }
  }

  /// The pieces that text is cut into, by their text.
  var ordinaryIDs: [[UInt8]: Int32] {
    var ids: [[UInt8]: Int32] = [:]
    for (id, piece) in pieces.enumerated() where piece.isOrdinary { ids[piece.text] = Int32(id) }
    return ids
  }

  /// The control piece of that name.
  func controlID(_ name: [UInt8]) -> Int32? {
    reserved[name].flatMap { pieces[Int($0)].kind == .control ? $0 : nil }
  }

  private static func malformed(_ what: String, _ id: Int, _ file: String) -> TuneError {
    TuneError(
      .malformedFile, "piece \(id) \(what)", at: .init(file: file, key: "pieces[\(id)]"))
  }
}
