// The `vocab` of a model that is an object of tokens and their ids, read and checked.
import Essentials

struct TokenVocabulary: Sendable {
  let table: TokenTable
  /// How many tokens there are; ids may have holes.
  var count: Int { table.count }

  /// - Throws: `TuneError` `.malformedFile` for an id that is none or appears twice.
  init(_ component: Component) throws {
    guard let entries = component.json["vocab"]?.object else {
      throw component.child("vocab").malformed("expected an object of tokens and their ids")
    }
    var tokens: [(bytes: [UInt8], id: Int32)] = []
    tokens.reserveCapacity(entries.count)
    var ids: Set<Int32> = []
    for (token, value) in entries {
      func malformed(_ message: String) -> TuneError {
        TuneError(
          .malformedFile, message,
          at: .init(file: component.file, key: "\(component.key).vocab['\(token)']"))
      }
      guard let id = value.integer, (0..<Vocabulary.idLimit).contains(id) else {
        throw malformed("expected an id from 0 to \(Vocabulary.idLimit - 1)")
      }
      if !ids.insert(Int32(id)).inserted { throw malformed("the id \(id) appears twice") }
      tokens.append((Array(token.utf8), Int32(id)))
    }
    table = TokenTable(tokens, idLimit: Int(ids.max() ?? -1) + 1)
  }
}

/// Refuses tokens that are longer than any in use: looking for them takes time at each character.
func checkLengths(_ tokens: some Sequence<[UInt8]>, _ component: Component) throws {
  let limit = 4096
  if let token = tokens.first(where: { $0.count > limit }) {
    throw component.child("vocab").malformed(
      "a token has \(token.count) bytes; at most \(limit) are supported")
  }
}
