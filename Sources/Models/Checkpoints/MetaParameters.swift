// Meta's params.json, which lies beside consolidated.00.pth: a few sizes and constants of the model,
// too few to build it from, but enough to notice that the configuration names another one.
import Essentials
import Foundation
import Layers

enum MetaParameters {
  private static let name = "params.json"

  /// - Throws: `TuneError` `.checkpointMismatch` for the first key in which the folder's params.json,
  ///   where there is one, differs from the decoder.
  static func check(_ decoder: DecoderConfiguration, in folder: String) throws {
    let path = folder + "/" + name
    guard try FolderEntry.exists(path) else { return }
    guard let json = try JSON.load(path: path).object else {
      throw TuneError(.malformedFile, "params.json holds no JSON object", at: .init(file: path))
    }
    let expected: [(key: String, value: Double)] = [
      ("dim", Double(decoder.width)), ("n_layers", Double(decoder.layerCount)),
      ("n_heads", Double(decoder.headCount)), ("n_kv_heads", Double(decoder.keyValueHeadCount)),
      ("norm_eps", decoder.normEpsilon), ("rope_theta", decoder.rotary.base),
      ("vocab_size", Double(decoder.vocabularySize)),
      ("use_scaled_rope", decoder.rotary.scaling == nil ? 0 : 1),
    ]
    for (key, value) in expected {
      // Llama 2's file says -1 for a size that its tokenizer knows.
      let stored = json[key]?.double ?? json[key]?.bool.map { $0 ? 1 : 0 }
      guard let stored, stored != -1, stored != value else { continue }
      throw TuneError(
        .checkpointMismatch, "the file says \(stored), the model section \(value)",
        remedy: "Choose the model that the checkpoint was made for.",
        at: .init(file: path, key: key))
    }
  }
}
