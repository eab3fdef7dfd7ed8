// What `tune` asks of `tune-worker` beside recipes: to export a model, to verify an export, to import one. Their
// words are checked before; the worker gets them as one argument of JSON.
import Essentials
import Foundation

package enum ArtifactCall: Codable, Sendable, Equatable {
  case export(Export)
  case verify(Verify)
  case importing(Import)

  package struct Export: Codable, Sendable, Equatable {
    package var folder: String
    /// By its name in `ExportFormatName`.
    package var format: String
    package var output: String
    package var allowsInexact: Bool
    /// By which a plain folder is quantized, by its name in `QuantizationPreset`.
    package var scheme: String?
    package init(
      folder: String, format: String, output: String, allowsInexact: Bool, scheme: String?
    ) {
      self.scheme = scheme
      (self.folder, self.format) = (folder, format)
      (self.output, self.allowsInexact) = (output, allowsInexact)
    }
  }
  package struct Verify: Codable, Sendable, Equatable {
    package var artifact: String
    package var folder: String
    package var scheme: String?
    package init(artifact: String, folder: String, scheme: String?) {
      (self.artifact, self.folder, self.scheme) = (artifact, folder, scheme)
    }
  }

  package struct Import: Codable, Sendable, Equatable {
    package var artifact: String
    package var output: String
    /// float32, bfloat16 or float16.
    package var dtype: String
    package init(artifact: String, output: String, dtype: String) {
      (self.artifact, self.output, self.dtype) = (artifact, output, dtype)
    }
  }

  /// The worker's first word.
  package static let word = "artifact"

  /// The worker's words.
  package func words() throws -> [String] {
    [Self.word, String(decoding: try JSONEncoder().encode(self), as: UTF8.self)]
  }
  /// nil where the words are a recipe's.
  /// - Throws: `TuneError` `.usage`.
  package init?(words: [String]) throws {
    guard words.first == Self.word else { return nil }
    guard words.count == 2,
      let call = try? JSONDecoder().decode(Self.self, from: Data(words[1].utf8))
    else {
      throw TuneError(
        .usage, "these words are not understood", remedy: "Start exports with `tune export`.")
    }
    self = call
  }
}
