// The model of a tokenizer.json: what turns a piece of text into ids.
import Essentials

enum PretrainedModel: Sendable {
  case bytePair(BytePairModel)
  case unigram(UnigramModel)
  case wordPiece(WordPieceModel)
  case wordLevel(WordLevelModel)

  init(_ component: Component) throws {
    guard component.json.object != nil else {
      throw component.malformed("the model is missing")
    }
    switch try Self.type(of: component) {
    case "BPE": self = .bytePair(try BytePairModel(component))
    case "Unigram": self = .unigram(try UnigramModel(component))
    case "WordPiece": self = .wordPiece(try WordPieceModel(component))
    case "WordLevel": self = .wordLevel(try WordLevelModel(component))
    case let type: throw component.unsupported("the model \(type) is not supported")
    }
  }

  /// Old files do not say it; what else they say shows it.
  private static func type(of component: Component) throws -> String {
    if component.json["type"] != nil { return try component.type }
    if component.json["merges"] != nil { return "BPE" }
    if component.json["vocab"]?.array != nil { return "Unigram" }
    return component.json["max_input_chars_per_word"] != nil ? "WordPiece" : "WordLevel"
  }

  var table: TokenTable {
    switch self {
    case .bytePair(let model): model.table
    case .unigram(let model): model.table
    case .wordPiece(let model): model.table
    case .wordLevel(let model): model.table
    }
  }

  /// How many tokens the model counts, which is where added tokens begin.
  var count: Int {
    if case .unigram(let model) = self { return model.count }
    return table.count
  }

  func encode(
    _ piece: UnsafeBufferPointer<UInt8>, into ids: inout [Int32], cache: inout PieceCache
  ) throws {
    switch self {
    case .bytePair(let model): try model.encode(piece, into: &ids, cache: &cache)
    case .unigram(let model): try model.encode(piece, into: &ids, cache: &cache)
    case .wordPiece(let model): try model.encode(piece, into: &ids, cache: &cache)
    case .wordLevel(let model): try model.encode(piece, into: &ids)
    }
  }
}
