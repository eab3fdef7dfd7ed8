// The ids that a tokenizer.json puts around those of a text: a template of special tokens.
import Essentials

struct PostProcessor: Sendable {
  enum Part: Sendable, Equatable {
    /// The ids of the text.
    case text
    case tokens([Int32])
  }
  /// Just the text where nothing is put around it.
  private(set) var parts: [Part] = [.text]

  init(_ component: Component) throws {
    if component.json.isNull { return }
    switch try component.type {
    // It only trims offsets, which nothing here has.
    case "ByteLevel": break
    case "TemplateProcessing": parts = try Self.template(component)
    case "BertProcessing", "RobertaProcessing":
      parts = [
        .tokens([try Self.pairID(component, "cls")]), .text,
        .tokens([try Self.pairID(component, "sep")]),
      ]
    case "Sequence":
      for part in try component.parts("processors") {
        let other = try PostProcessor(part)
        if other.parts == [.text] { continue }
        if parts != [.text] {
          throw part.unsupported("several post-processors that add tokens are not supported")
        }
        parts = other.parts
      }
    case let type: throw component.unsupported("the post-processor \(type) is not supported")
    }
  }

  /// The template for a single text, in the form of a list or, in old files, of one string.
  private static func template(_ component: Component) throws -> [Part] {
    let single = component.child("single")
    guard let entries = single.json.array else { throw single.malformed("expected a list") }
    var parts: [Part] = []
    for entry in entries {
      if let sequence = entry["Sequence"] {
        guard sequence["id"]?.string == "A" else {
          throw single.malformed("the template of a single text names a second one")
        }
        parts.append(.text)
      } else if let name = entry["SpecialToken"]?["id"]?.string {
        parts.append(.tokens(try ids(of: name, component)))
      } else {
        throw single.malformed("expected entries with Sequence or SpecialToken")
      }
    }
    if parts.count > 64 { throw single.malformed("the template has \(parts.count) parts") }
    return parts
  }

  private static func ids(of name: String, _ component: Component) throws -> [Int32] {
    let tokens = component.child("special_tokens")
    guard let ids = tokens.json[name]?["ids"]?.array else {
      throw tokens.malformed("the token '\(name)' of the template is missing")
    }
    return try ids.map { try tokenID($0, tokens) }
  }

  /// The id in a pair of a token's name and its id.
  private static func pairID(_ component: Component, _ name: String) throws -> Int32 {
    let place = component.child(name)
    guard let pair = place.json.array, pair.count == 2 else {
      throw place.malformed("expected a token and its id")
    }
    return try tokenID(pair[1], place)
  }

  private static func tokenID(_ value: JSON, _ place: Component) throws -> Int32 {
    guard let id = value.integer, (0..<Vocabulary.idLimit).contains(id) else {
      throw place.malformed("expected an id from 0 to \(Vocabulary.idLimit - 1)")
    }
    return Int32(id)
  }

  func apply(to ids: [Int32]) -> [Int32] {
    parts.flatMap { part -> [Int32] in
      switch part {
      case .text: ids
      case .tokens(let tokens): tokens
      }
    }
  }

  /// What stands before the text and after it.
  var prefix: [Int32] { Self.ids(of: parts.prefix { $0 != .text }) }
  var suffix: [Int32] {
    Self.ids(of: parts[((parts.lastIndex(of: .text) ?? parts.count - 1) + 1)...])
  }

  /// The highest id it adds.
  var highestID: Int32 { Self.ids(of: parts[...]).max() ?? -1 }

  private static func ids(of parts: ArraySlice<Part>) -> [Int32] {
    parts.flatMap { part -> [Int32] in
      switch part {
      case .text: []
      case .tokens(let tokens): tokens
      }
    }
  }
}
