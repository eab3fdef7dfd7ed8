// What names a model on Kaggle: owner/model/framework/variation, and the version where not the
// newest is wanted.
import Essentials
import Foundation

package struct KaggleHandle: Sendable, Equatable {
  package var owner: String
  package var model: String
  package var framework: String
  package var variation: String
  package var version: Int?

  /// - Throws: `TuneError` `.usage`.
  package init(_ text: String) throws {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    let areNames = parts.prefix(4).allSatisfy { part in
      !part.isEmpty && part != "." && part != ".." && part.utf8.count <= 100
        && part.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") }
    }
    let version = parts.count == 5 ? Int(parts[4]) : nil
    guard (4...5).contains(parts.count), areNames,
      parts.count == 4 || version.map({ $0 > 0 }) == true
    else {
      throw TuneError(
        .usage, "'\(clean(text))' is not the handle of a Kaggle model",
        remedy: "It looks like metaresearch/llama-3.2/pytorch/1b, with /VERSION at the end where "
          + "not the newest is wanted.")
    }
    (owner, model, framework, variation) = (parts[0], parts[1], parts[2], parts[3])
    self.version = version
  }

  /// Without the version.
  var path: String { "\(owner)/\(model)/\(framework)/\(variation)" }

  func address(_ endpoint: URL, _ rest: String) throws -> URL {
    let parts = [owner, model, framework, variation].map(escaped).joined(separator: "/")
    let text = "\(endpoint.absoluteString)/api/v1/models/\(parts)/\(rest)"
    guard let url = URL(string: text) else {
      throw TuneError.nonsense("a name that no address can hold", endpoint)
    }
    return url
  }

  /// What is worth a warning: torchtune's recipes read two frameworks' files.
  package var warning: String? {
    switch framework.lowercased() {
    case "pytorch":
      owner == "metaresearch"
        ? nil : "the model is not from Meta, and its files may have names that recipes do not know"
    case "transformers": nil
    default: "the model is neither for PyTorch nor for Transformers: recipes cannot read it"
    }
  }
}
