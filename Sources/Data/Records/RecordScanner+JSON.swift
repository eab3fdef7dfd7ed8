// The elements of a JSON list, found by their brackets and quotes alone: what is inside an element
// is parsed only when the record is wanted.
import Archives
import Essentials

extension RecordScanner {
  private static let notSpace = ByteSet(0x20, 0x09, 0x0A, 0x0D).inverted

  /// Goes into the list that the file is, or that is at `field` of the object that the file is.
  /// - Returns: false when the file is no list but JSON lines.
  static func openList(
    _ window: ByteWindow, _ position: inout Int, _ line: inout Int, field: String?
  ) throws -> Bool {
    guard let start = try window.first(notSpace, from: position) else { return false }
    if let field {
      var place = JSONPlace(window: window, position: start, line: line)
      place.line += window.newlines(in: position..<start)
      try place.find(field)
      (position, line) = (place.position, place.line)
      return true
    }
    guard try window.byte(at: start) == UInt8(ascii: "[") else { return false }
    line += window.newlines(in: position..<start)
    position = start + 1
    return true
  }

  func nextElement() throws -> RecordSpan? {
    if isClosed { return nil }
    window.discard(before: position)
    var place = JSONPlace(window: window, position: position, line: line)
    defer { (position, line) = (place.position, place.line) }
    guard var byte = try place.skipSpace() else { throw place.failure(closing: "]") }
    if byte == UInt8(ascii: "]") {
      try close(&place)
      return nil
    }
    if hasElements {
      guard byte == UInt8(ascii: ",") else { throw place.failure("expected ',' or ']'") }
      place.position += 1
      guard let next = try place.skipSpace() else { throw place.failure(closing: "]") }
      byte = next
    }
    hasElements = true
    let (start, firstLine) = (place.position, place.line)
    try place.skipValue()
    return RecordSpan(range: start..<place.position, line: firstLine)
  }

  /// Behind the list there is nothing, unless it is a field of an object, whose rest is not read.
  private func close(_ place: inout JSONPlace) throws {
    isClosed = true
    place.position += 1
    if !isField, try place.skipSpace() != nil {
      throw place.failure("unexpected text after the JSON value")
    }
  }
}

/// A place in JSON text that is scanned but not kept.
struct JSONPlace {
  let window: ByteWindow
  var position: Int
  var line: Int

  private static let notSpace = ByteSet(0x20, 0x09, 0x0A, 0x0D).inverted
  private static let structure = ByteSet(Array("\"[]{}".utf8))
  private static let quoteOrEscape = ByteSet(Array("\"\\".utf8))
  private static let scalarEnd = ByteSet(Array(" \t\n\r,]}:\"[{".utf8))

  /// The next byte that is no white space, nil at the end.
  mutating func skipSpace() throws -> UInt8? {
    let found = try window.first(Self.notSpace, from: position)
    let end = try found ?? window.end()
    line += window.newlines(in: position..<end)
    position = end
    return try found.flatMap { try window.byte(at: $0) }
  }

  /// Goes behind the value that begins here.
  mutating func skipValue() throws {
    let start = position
    var depth = 0
    repeat {
      let opening = depth == 0 ? position : try window.first(Self.structure, from: position)
      guard let opening, let byte = try window.byte(at: opening) else {
        throw failure(closing: "]")
      }
      position = opening + 1
      switch byte {
      case UInt8(ascii: "\""): try skipString()
      case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
      case UInt8(ascii: "]"), UInt8(ascii: "}"):
        guard depth > 0 else {
          position = opening
          throw failure("not a JSON value")
        }
        depth -= 1
      default:
        position = try window.first(Self.scalarEnd, from: opening) ?? window.end()
        guard position > opening else { throw failure("not a JSON value") }
      }
    } while depth > 0
    line += window.newlines(in: start..<position)
  }

  /// Behind the closing quote of the string whose opening quote lies before this place.
  private mutating func skipString() throws {
    while let found = try window.first(Self.quoteOrEscape, from: position) {
      let isQuote = try window.byte(at: found) == UInt8(ascii: "\"")
      position = found + (isQuote ? 1 : 2)
      if isQuote { return }
    }
    throw failure("the text ends inside a string")
  }

  /// Goes into the list at `field` of the object that begins here.
  mutating func find(_ field: String) throws {
    guard try window.byte(at: position) == UInt8(ascii: "{") else {
      throw failure("expected an object with the field '\(field)'")
    }
    position += 1
    while true {
      guard try skipSpace() == UInt8(ascii: "\"") else {
        throw failure("the object has no field '\(field)'")
      }
      let start = position
      position += 1
      try skipString()
      let key = try window.withBytes(start..<position) {
        try JSON.parse($0, file: window.file.path)
      }
      guard try skipSpace() == UInt8(ascii: ":") else { throw failure("expected ':' after a key") }
      position += 1
      let value = try skipSpace()
      if key.string == field {
        guard value == UInt8(ascii: "[") else { throw failure("'\(field)' is no list") }
        position += 1
        return
      }
      window.discard(before: position)
      try skipValue()
      guard try skipSpace() == UInt8(ascii: ",") else {
        throw failure("the object has no field '\(field)'")
      }
      position += 1
    }
  }

  func failure(closing bracket: Character) -> TuneError {
    failure("the text ends before a closing '\(bracket)'")
  }
  func failure(_ message: String) -> TuneError {
    TuneError(
      .malformedFile, "broken JSON: \(message)", at: .init(file: window.file.path, line: line))
  }
}
