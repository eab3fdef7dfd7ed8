// A tokenizer.json as a value in memory: for comparing what two descriptions make of a text.
import Essentials

package struct DescribedTokenizer: Sendable {
  private let pipeline: TokenizerPipeline

  /// - Parameter file: named in errors.
  /// - Throws: `TuneError` `.malformedFile` and `.unsupported` with file and key.
  package init(_ description: JSON, file: String) throws {
    pipeline = try TokenizerPipeline(description, file: file)
  }

  /// The ids that the `tokenizers` library gives for a text.
  package func encode(_ text: String, addSpecialTokens: Bool) throws -> [Int32] {
    let ids = try pipeline.encode(text)
    return addSpecialTokens ? pipeline.postProcessor.apply(to: ids) : ids
  }
  package func id(ofToken token: String) -> Int32? { pipeline.id(of: token) }
}
