// The tokens with a meaning of their own, by id, and whether texts begin and end with them.
import Essentials

struct SpecialTokenIDs: Sendable {
  var bos: Int?
  var eos: Int?
  var padding: Int?
  var unknown: Int?
  /// All that end a generation: of the text, of a turn, of a message to a tool.
  var ends: [Int] = []

  /// - Throws: `TuneError` for an id beyond the vocabulary.
  init(_ file: GGUFFile, vocabularySize: Int) throws {
    func id(_ name: String) throws -> Int? {
      let key = "tokenizer.ggml.\(name)_token_id"
      guard let id = try file.integer(key) else { return nil }
      // llama.cpp's "none" is -1, in an unsigned key its bits.
      if id == -1 || id == Int(UInt32.max) { return nil }
      guard (0..<vocabularySize).contains(id) else {
        throw file.failure(key, "is \(id), but the vocabulary has \(vocabularySize) tokens")
      }
      return id
    }
    bos = try id("bos")
    eos = try id("eos")
    padding = try id("padding")
    unknown = try id("unknown")
    for end in [eos, try id("eot"), try id("eom")] {
      if let end, !ends.contains(end) { ends.append(end) }
    }
  }

  /// One id, or a list where several end a generation.
  var endsJSON: JSON {
    ends.count > 1 ? .array(ends.map { .integer($0) }) : ends.first.map { .integer($0) } ?? .null
  }

  /// generation_config.json.
  var generation: JSON {
    var json = JSONObject()
    if let bos { json["bos_token_id"] = .integer(bos) }
    if !ends.isEmpty { json["eos_token_id"] = endsJSON }
    if let padding { json["pad_token_id"] = .integer(padding) }
    return .object(json)
  }
}
