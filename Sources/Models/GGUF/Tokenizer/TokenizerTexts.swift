// The tokenizer of a GGUF file as the files of a model folder, for whoever compares it with another.
import Essentials

package struct TokenizerTexts: Sendable {
  /// tokenizer.json
  package let tokenizer: String
  /// tokenizer_config.json
  package let configuration: JSON
  /// generation_config.json
  package let generation: JSON

  /// - Throws: `TuneError` for a tokenizer that is damaged, or of a kind that is not read.
  package init(_ model: GGUFModel, vocabularySize: Int, contextLength: Int) throws {
    let file = model.file
    let ids = try SpecialTokenIDs(file, vocabularySize: vocabularySize)
    let imported = try ImportedTokenizer(file, vocabularySize: vocabularySize)
    tokenizer = imported.text(ids)
    configuration = imported.configuration(
      ids, try ImportedTokenizer.chatTemplate(file), contextLength: contextLength)
    generation = ids.generation
  }
}

extension ModelImport {
  /// The config.json of a GGUF file's model, without the dtype of the weights.
  /// - Throws: `TuneError` for a model that is damaged or not supported.
  package static func configuration(of model: GGUFModel) throws -> JSONObject {
    let architecture = try Architecture(of: model.file)
    let size = try Geometry(model, architecture)
    let rotary = try RotaryScaling(model, size)
    let ids = try SpecialTokenIDs(model.file, vocabularySize: size.vocabularySize)
    return try ModelPlan.configuration(model, size, rotary, ids)
  }
}
