// The fixtures, read once for all tests.
import Essentials
import Foundation
import Testing

@testable import Tokenizers

enum Fixtures {
  static func path(_ name: String) throws -> String {
    try #require(Bundle.module.resourceURL).appendingPathComponent("Fixtures/" + name).path
  }
  static func json(_ name: String) throws -> JSON { try JSON.load(path: try path(name)) }

  /// One tokenizer.model with derived ids, one with the ids of the tokenizer.json beside it, and
  /// one tokenizer.json.
  enum Name: String, CaseIterable, Sendable {
    case small = "tokenizer_small/tokenizer.model"
    case tinyModel = "tokenizer_tiny/tokenizer.model"
    case tinyJSON = "tokenizer_tiny/tokenizer.json"
    /// The key in the goldens.
    var golden: String { self == .small ? "small" : "tiny" }
  }
  static func tokenizer(_ name: Name, maxSeqLen: Int? = nil) throws -> Llama3Tokenizer {
    try Llama3Tokenizer(path: try path(name.rawValue), maxSeqLen: maxSeqLen)
  }

  /// An empty folder that only this test uses.
  static func folder(_ name: String = #function) throws -> URL {
    let url = FileManager.default.temporaryDirectory
      .appendingPathComponent("text-tests-\(getpid())-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    return url
  }
  static func write(_ text: String, _ name: String = "data.json") throws -> String {
    let url = try folder().appendingPathComponent(name)
    try Data(text.utf8).write(to: url)
    return url.path
  }
}

extension JSON {
  /// The numbers of a list, for comparing with ids.
  var ids: [Int32] { (array ?? []).compactMap { $0.integer.map { Int32($0) } } }
}

/// The `TuneError` that `body` throws; an issue when it throws none.
func tuneError(_ body: () throws -> Void, at place: SourceLocation = #_sourceLocation) throws
  -> TuneError
{
  do {
    try body()
  } catch let error as TuneError {
    return error
  }
  return try #require(nil, "expected a TuneError", sourceLocation: place)
}
