// One part of a tokenizer.json (a normalizer, a decoder, ...) as it is read: its values by name,
// with errors that say the file and the key.
import Essentials

struct Component {
  let json: JSON
  let file: String
  let key: String
  private let depth: Int

  init(_ json: JSON, file: String, key: String, depth: Int = 0) {
    (self.json, self.file, self.key, self.depth) = (json, file, key, depth)
  }

  /// Deeper than any published file nests its sequences; a bound on the recursion.
  private static let depthLimit = 16
  private static let lengthLimit = 1024

  /// The component's type, which says how the rest is read.
  var type: String {
    get throws {
      guard let type = json["type"]?.string else {
        throw malformed("expected an object with a type, found \(json.kind)")
      }
      return type
    }
  }

  func child(_ name: String) -> Component {
    Component(json[name] ?? .null, file: file, key: "\(key).\(name)", depth: depth)
  }

  /// The parts of a sequence.
  func parts(_ name: String) throws -> [Component] {
    guard let list = json[name]?.array else {
      throw child(name).malformed("expected a list")
    }
    if depth >= Self.depthLimit { throw malformed("sequences are nested too deeply") }
    if list.count > Self.lengthLimit { throw malformed("the sequence has \(list.count) parts") }
    return list.enumerated().map {
      Component($1, file: file, key: "\(key).\(name)[\($0)]", depth: depth + 1)
    }
  }

  func string(_ name: String) throws -> String {
    guard let value = json[name]?.string else { throw child(name).malformed("expected a string") }
    return value
  }
  func optionalString(_ name: String) throws -> String? {
    guard let value = json[name], !value.isNull else { return nil }
    guard let text = value.string else {
      throw child(name).malformed("expected a string, found \(value.kind)")
    }
    return text
  }
  /// A required one where there is no default.
  func bool(_ name: String, default value: Bool? = nil) throws -> Bool {
    guard let found = json[name], !found.isNull else {
      if let value { return value }
      throw child(name).malformed("expected true or false")
    }
    guard let bool = found.bool else {
      throw child(name).malformed("expected true or false, found \(found.kind)")
    }
    return bool
  }
  func count(_ name: String, default value: Int? = nil) throws -> Int {
    guard let found = json[name], !found.isNull else {
      if let value { return value }
      throw child(name).malformed("expected a number")
    }
    guard let number = found.integer, (0...Int(Int32.max)).contains(number) else {
      throw child(name).malformed("expected a number from 0 to \(Int32.max)")
    }
    return number
  }
  func character(_ name: String) throws -> UInt32 {
    let scalars = try string(name).unicodeScalars
    guard let scalar = scalars.first, scalars.count == 1 else {
      throw child(name).malformed("expected a single character")
    }
    return scalar.value
  }

  func malformed(_ message: String) -> TuneError {
    TuneError(.malformedFile, message, at: .init(file: file, key: key))
  }
  func unsupported(_ message: String, remedy: String? = nil) -> TuneError {
    TuneError(.unsupported, message, remedy: remedy, at: .init(file: file, key: key))
  }
}
