// Typed access to the keys of a config.json, each fault with its file and key.
import Essentials

struct ConfigurationReader {
  let json: JSONObject
  let path: String
  /// Put before keys in messages when this reads an inner object.
  private let prefix: String

  init(_ json: JSONObject, path: String, prefix: String = "") {
    self.json = json
    self.path = path
    self.prefix = prefix
  }

  func failure(
    _ key: String, _ message: String, _ code: TuneError.Code = .malformedFile,
    remedy: String? = nil
  ) -> TuneError {
    TuneError(code, message, remedy: remedy, at: .init(file: path, key: prefix + key))
  }
  /// nil where the key is absent or null.
  func value(_ key: String) -> JSON? { json[key].flatMap { $0.isNull ? nil : $0 } }

  /// A size small enough that products of such sizes do not overflow.
  func size(_ key: String, limit: Int = 1 << 24) throws -> Int? {
    guard let value = value(key) else { return nil }
    guard let integer = value.integer, integer > 0, integer <= limit else {
      throw failure(key, "must be a whole number from 1 to \(limit)")
    }
    return integer
  }
  func needed(_ key: String, limit: Int = 1 << 24) throws -> Int {
    guard let size = try size(key, limit: limit) else { throw failure(key, "is missing") }
    return size
  }
  func positive(_ key: String) throws -> Double? {
    guard let value = value(key) else { return nil }
    guard let number = value.double, number > 0, number.isFinite else {
      throw failure(key, "must be a number above 0")
    }
    return number
  }
  func flag(_ key: String) throws -> Bool? {
    guard let value = value(key) else { return nil }
    guard let flag = value.bool else { throw failure(key, "must be true or false") }
    return flag
  }
  func string(_ key: String) throws -> String? {
    guard let value = value(key) else { return nil }
    guard let string = value.string else { throw failure(key, "must be a string") }
    return string
  }
  /// A number above 0 that has a default where the key is absent or null.
  func positive(_ key: String, default value: Double) throws -> Double {
    try positive(key) ?? value
  }
  /// Whether the key is there, be it null.
  func has(_ key: String) -> Bool { json[key] != nil }
  func strings(_ key: String) throws -> [String]? {
    guard let value = value(key) else { return nil }
    let strings = value.array?.compactMap(\.string)
    guard let strings, strings.count == value.array?.count else {
      throw failure(key, "must be a list of strings")
    }
    return strings
  }
  func positives(_ key: String) throws -> [Double]? {
    guard let value = value(key) else { return nil }
    let numbers = value.array?.compactMap(\.double).filter { $0 > 0 && $0.isFinite }
    guard let numbers, numbers.count == value.array?.count else {
      throw failure(key, "must be a list of numbers above 0")
    }
    return numbers
  }
  /// An object inside this one.
  func inner(_ object: JSONObject, _ key: String) -> ConfigurationReader {
    ConfigurationReader(object, path: path, prefix: prefix + key + ".")
  }
  func object(_ key: String) throws -> ConfigurationReader? {
    guard let value = value(key) else { return nil }
    guard let object = value.object else { throw failure(key, "must be an object") }
    return inner(object, key)
  }
}
