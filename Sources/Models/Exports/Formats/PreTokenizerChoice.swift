// How a byte-level tokenizer splits texts, by llama.cpp's name for it. A description that is written in the
// same words has that name; any other must give the same ids on a hard text as exactly one way of
// splitting that llama.cpp has. Both are proven by encoding that text both ways.
import Essentials
import Foundation
import GGUF
import Tokenizers

struct PreTokenizerChoice {
  let name: String

  /// - Throws: `TuneError` `.unsupported` for a tokenizer of which no name is known.
  init(_ root: JSON, path: String, _ tokenizer: HuggingFaceModelTokenizer) throws {
    let expected = try tokenizer.encode(HardText.text, addSpecialTokens: false)
    let same = PreTokenizer.names.filter { name in
      PreTokenizer(named: name).map { Self.isSame($0, root) } == true
    }
    let candidates = same.isEmpty ? Self.different : [same[0]]
    let fitting = try candidates.filter {
      try Self.ids($0, root) == expected
    }
    guard fitting.count == 1 else {
      throw TuneError(
        .unsupported,
        fitting.isEmpty
          ? "llama.cpp is not known to split texts as this tokenizer does"
          : "this tokenizer may split texts as any of \(fitting.joined(separator: ", ")) in llama.cpp",
        remedy:
          "Export to another format. Known are: \(PreTokenizer.names.joined(separator: ", ")).",
        at: .init(file: path, key: "pre_tokenizer"))
    }
    name = fitting[0]
  }

  /// One name of each way of splitting.
  private static let different: [String] = {
    var seen: [JSON] = []
    return PreTokenizer.names.filter { name in
      guard let pre = PreTokenizer(named: name) else { return false }
      let description = canonical(description(of: pre))
      if seen.contains(description) { return false }
      seen.append(description)
      return true
    }
  }()

  private static func description(of pre: PreTokenizer) -> JSON {
    [
      "normalizer": pre.normalizer, "pre_tokenizer": pre.json,
      "ignore_merges": .bool(pre.ignoresMerges),
    ]
  }
  private static func isSame(_ pre: PreTokenizer, _ root: JSON) -> Bool {
    let own: JSON = [
      "normalizer": root["normalizer"] ?? .null, "pre_tokenizer": root["pre_tokenizer"] ?? .null,
      "ignore_merges": root["model"]?["ignore_merges"] ?? false,
    ]
    return canonical(own) == canonical(description(of: pre))
  }

  /// Without what changes no id: the order of keys, offsets, sequences of one.
  private static func canonical(_ json: JSON) -> JSON {
    switch json {
    case .array(let elements): return .array(elements.map(canonical))
    case .object(let object):
      for list in ["pretokenizers", "normalizers"] {
        guard let inner = object[list]?.array, inner.count < 2 else { continue }
        return inner.first.map(canonical) ?? .null
      }
      var sorted = JSONObject()
      for key in object.keys.sorted() where key != "trim_offsets" {
        sorted[key] = object[key].map(canonical)
      }
      return .object(sorted)
    default: return json
    }
  }

  /// The ids of the hard text where it is split so.
  private static func ids(_ name: String, _ root: JSON) throws -> [Int32] {
    guard let pre = PreTokenizer(named: name), var object = root.object,
      var model = object["model"]?.object
    else { return [] }
    model["ignore_merges"] = .bool(pre.ignoresMerges)
    object["model"] = .object(model)
    object["normalizer"] = pre.normalizer
    object["pre_tokenizer"] = pre.json
    return try DescribedTokenizer(.object(object), file: "tokenizer.json")
      .encode(HardText.text, addSpecialTokens: false)
  }
}
