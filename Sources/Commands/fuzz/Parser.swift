// Every parser of what comes from outside, by the name that the command line has for it.
import Essentials

enum Parser: String, CaseIterable {
  case json, yaml, recipe, composed
  case safetensors, index, torch, pickle, gguf, state
  case config
  case parquet, gzip, zstd, csv, jsonl, text, card, pattern
  case tokenizer, pretrained, tiktoken, sentencepiece, qwen
  case jinja, chat
  case tar, headers, listing, address, wildcard
  /// Dies in every way that is looked for, for the test of this program.
  case faulty

  static let whole = allCases.filter { $0 != .faulty }

  init(named name: String) throws {
    guard let parser = Parser(rawValue: name) else {
      throw TuneError(
        .usage, "unknown parser '\(name)'",
        remedy: "Parsers: " + Parser.whole.map(\.rawValue).joined(separator: ", ") + ".")
    }
    self = parser
  }

  /// - Throws: where a fixture cannot be read.
  func make(_ place: Place) throws -> FuzzedParser {
    switch self {
    case .json: .json
    case .yaml: .yaml
    case .recipe: .recipe
    case .composed: try .composed(place)
    case .safetensors: try .safetensors(place)
    case .index: try .index(place)
    case .torch: try .torch(place)
    case .pickle: try .pickle(place)
    case .gguf: try .gguf(place)
    case .state: .state(place)
    case .config: try .config(place)
    case .parquet: try .parquet(place)
    case .gzip: try .gzip(place)
    case .zstd: try .zstd(place)
    case .csv: .csv(place)
    case .jsonl: .jsonl(place)
    case .text: .text(place)
    case .card: .card
    case .pattern: .pattern
    case .tokenizer: try .tokenizer(place)
    case .pretrained: try .pretrained(place)
    case .tiktoken: try .tiktoken(place)
    case .sentencepiece: try .sentencepiece(place)
    case .qwen: try .qwen(place)
    case .jinja: try .jinja(place)
    case .chat: try .chat(place)
    case .tar: .tar
    case .headers: .headers
    case .listing: .listing
    case .address: .address
    case .wildcard: .wildcard
    case .faulty: .faulty
    }
  }
}
