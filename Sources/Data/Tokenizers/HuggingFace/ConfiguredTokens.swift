// Tokens that the files beside a tokenizer.json name: added to it as transformers' fast tokenizers do. Those of
// added_tokens_decoder come first, in the order of their ids, then the special tokens by name (`eos_token` and
// the like), then the list of further ones. Each takes the next free id. A file that gives it another id
// contradicts itself and is refused; transformers leaves the difference unsaid.
import Essentials

/// A token to add after those of tokenizer.json.
struct ConfiguredToken: Sendable {
  var token: AddedToken
  /// The id that the file says; nil where it says none.
  var declaredID: Int?
  /// Left as it is where tokenizer.json has it among its added tokens.
  var isOnlyNamed = false
  var file: String
  var key: String
}

struct ConfiguredTokens: Sendable {
  private(set) var tokens: [ConfiguredToken] = []
  /// Special whatever their flags say.
  private(set) var named: Set<[UInt8]> = []
  /// Whether that also holds for the added tokens of tokenizer.json.
  private(set) var marksOwn = true

  init() {}

  /// - Parameters:
  ///   - values: tokenizer_config.json with special_tokens_map.json in it.
  ///   - names: special tokens by key, in the order in which they are added.
  ///   - place: the file that has a key.
  /// - Throws: `TuneError` `.malformedFile` with file and key.
  init(
    _ values: JSONObject, names: [(key: String, value: JSON)], addedTokens: String?,
    place: (String) -> String
  ) throws {
    let key = "added_tokens_decoder"
    if let decoder = values[key], !decoder.isNull {
      marksOwn = false
      tokens = try Self.declared(decoder, file: place(key), key: key)
    } else if let addedTokens {
      tokens = try Self.declared(
        addedTokensFile: addedTokens,
        special: Set(
          try names.map { try Self.token($0.value, file: place($0.key), $0.key).content })
      )
    }
    for (key, value) in names {
      let token = try Self.token(value, file: place(key), key)
      named.insert(token.content)
      tokens.append(
        ConfiguredToken(token: token, isOnlyNamed: true, file: place(key), key: key))
    }
    for key in ["extra_special_tokens", "additional_special_tokens"] {
      guard let value = values[key], !value.isNull else { continue }
      // An object names its tokens.
      guard let list = value.array else { break }
      for (position, value) in list.enumerated() {
        let place = (file: place(key), key: "\(key)[\(position)]")
        let token = try Self.token(value, file: place.file, place.key)
        tokens.append(
          ConfiguredToken(token: token, isOnlyNamed: true, file: place.file, key: place.key))
      }
      break
    }
  }

  /// `added_tokens_decoder`: an object for each id.
  private static func declared(_ decoder: JSON, file: String, key: String) throws
    -> [ConfiguredToken]
  {
    let all = Component(decoder, file: file, key: key)
    guard let entries = decoder.object else {
      throw all.malformed("expected an object, found \(decoder.kind)")
    }
    return try entries.map { name, value in
      guard let id = Int(name), (0..<Vocabulary.idLimit).contains(id) else {
        throw all.malformed("'\(name)' is no id of a token")
      }
      let place = Component(value, file: file, key: "\(key).\(name)")
      guard value.object != nil else {
        throw place.malformed("expected an object, found \(value.kind)")
      }
      return ConfiguredToken(
        token: try AddedToken(place), declaredID: id, file: file, key: place.key)
    }.sorted { ($0.declaredID ?? 0) < ($1.declaredID ?? 0) }
  }

  /// added_tokens.json of old folders: an id for each token.
  private static func declared(addedTokensFile file: String, special: Set<[UInt8]>) throws
    -> [ConfiguredToken]
  {
    let json = try JSON.load(path: file)
    guard let entries = json.object else {
      throw TuneError(
        .malformedFile, "expected an object, found \(json.kind)", at: .init(file: file))
    }
    return try entries.map { name, value in
      guard let id = value.integer, (0..<Vocabulary.idLimit).contains(id) else {
        throw TuneError(
          .malformedFile, "expected the id of the token", at: .init(file: file, key: name))
      }
      var token = AddedToken(content: Array(name.utf8), id: 0)
      token.isSpecial = special.contains(token.content)
      token.isNormalized = !token.isSpecial
      return ConfiguredToken(token: token, declaredID: id, file: file, key: name)
    }.sorted { ($0.declaredID ?? 0) < ($1.declaredID ?? 0) }
  }

  /// A token is its text, or an object with it as `content`.
  private static func token(_ value: JSON, file: String, _ key: String) throws -> AddedToken {
    let place = Component(value, file: file, key: key)
    if value.object != nil { return try AddedToken(place, isSpecial: true) }
    var token = AddedToken(content: Array((value.string ?? "").utf8), id: 0)
    guard value.string != nil else { throw place.malformed("expected the text of a token") }
    try token.check(place)
    token.isSpecial = true
    return token
  }
}

extension AddedToken {
  /// - Parameter isSpecial: where the object does not say.
  init(_ component: Component, isSpecial: Bool = false) throws {
    self.init(content: Array(try component.string("content").utf8), id: 0)
    try check(component)
    self.isSpecial = try component.bool("special", default: isSpecial)
    isNormalized = try component.bool("normalized", default: !self.isSpecial)
    stripsLeft = try component.bool("lstrip", default: false)
    stripsRight = try component.bool("rstrip", default: false)
    isSingleWord = try component.bool("single_word", default: false)
  }

  fileprivate func check(_ component: Component) throws {
    if content.count > 4096 { throw component.malformed("the token is too long") }
  }
}
