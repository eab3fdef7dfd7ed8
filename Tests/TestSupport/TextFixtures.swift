// What tests of text share: the fixtures' tokenizers, folders of their own, and the errors that they expect.
import Essentials
import Foundation
import Tokenizers

package enum Fixtures {
  /// One tokenizer.model with derived ids, one with the ids of the tokenizer.json beside it, and
  /// one tokenizer.json.
  package enum Name: String, CaseIterable, Sendable {
    case small = "tokenizer_small/tokenizer.model"
    case tinyModel = "tokenizer_tiny/tokenizer.model"
    case tinyJSON = "tokenizer_tiny/tokenizer.json"
    /// The key in the goldens.
    package var golden: String { self == .small ? "small" : "tiny" }
    package var path: String { fixturePath("TokenizersTests/Fixtures/" + rawValue) }
  }
  package static func tokenizer(_ name: Name, maxSeqLen: Int? = nil) throws -> Llama3Tokenizer {
    try Llama3Tokenizer(path: name.path, maxSeqLen: maxSeqLen)
  }

  /// An empty folder that only this test uses.
  package static func folder() throws -> URL {
    let url = FileManager.default.temporaryDirectory
      .appendingPathComponent("text-tests-\(getpid())-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    return url
  }
  package static func write(_ text: String, _ name: String = "data.json") throws -> String {
    let url = try folder().appendingPathComponent(name)
    try Data(text.utf8).write(to: url)
    return url.path
  }
}

extension JSON {
  /// The numbers of a list, for comparing with ids.
  package var ids: [Int32] { (array ?? []).compactMap { $0.integer.map { Int32($0) } } }
}

/// The `TuneError` that `body` throws; another error when it throws none.
package func tuneError(
  _ body: () throws -> Void, file: StaticString = #fileID, line: UInt = #line
) throws -> TuneError {
  do {
    try body()
  } catch let error as TuneError {
    return error
  }
  throw NothingThrown(description: "\(file):\(line): expected a TuneError")
}

private struct NothingThrown: Error, CustomStringConvertible { let description: String }
