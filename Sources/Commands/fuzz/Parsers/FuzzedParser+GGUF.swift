// GGUF: the header changed and data of zeros after it, so that most inputs reach the model, its tokenizer and its
// tensors; at times the whole import into a folder.
import Essentials
import Foundation
import GGUF

extension FuzzedParser {
  private static let dataCount = 64 << 10

  static func gguf(_ place: Place) throws -> FuzzedParser {
    let names = [
      "llama_f16", "llama_bf16", "llama_q8", "gemma2", "qwen2", "granite", "phi3", "smollm3",
    ]
    let headers = try names.compactMap { name -> [UInt8]? in
      let path = place.fixtures + "/GGUFTests/Fixtures/\(name).gguf"
      let model = try GGUFModel(path: path)
      let data = model.tensors.reduce(0) {
        $0 + ((model.bytes(of: $1.name)?.count ?? 0) + 31) / 32 * 32
      }
      guard data <= dataCount else { return nil }
      return Array(try place.bytes("GGUFTests/Fixtures/\(name).gguf").dropLast(data))
    }
    let output = place.path("imported")
    return FuzzedParser(
      seeds: headers + [small],
      words: [
        "GGUF", "llama", "gemma2", "general.architecture", ".attention.head_count", "blk.0.",
        ".weight", "tokenizer.ggml.", "tokens", "scores", "rope.scaling.type", "yarn",
        "split.count",
        "general.alignment", "\u{4}\u{0}\u{0}\u{0}", "\u{8}\u{0}\u{0}\u{0}", "\u{9}\u{0}\u{0}\u{0}",
      ],
      assembled: withData
    ) { input in
      let path = try place.write(input, "a.gguf")
      let whole = try ModelImport(file: path)
      guard input.count % 16 == 0, whole.summary.byteCount < 1 << 20 else { return }
      defer { try? FileManager.default.removeItem(atPath: output) }
      try whole.write(to: output)
    }
  }

  private static func withData(_ header: [UInt8]) -> [UInt8] {
    let end = (header.count + 31) / 32 * 32 + dataCount
    return header + [UInt8](repeating: 0, count: end - header.count)
  }

  /// A model of one block with tensors of many types, in some 2 kB.
  private static var small: [UInt8] {
    func number<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
      withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }
    func string(_ text: String) -> [UInt8] { number(UInt64(text.utf8.count)) + Array(text.utf8) }
    func list(_ type: UInt32, _ values: [[UInt8]]) -> [UInt8] {
      number(UInt32(9)) + number(type) + number(UInt64(values.count)) + values.flatMap { $0 }
    }
    var keys: [(String, [UInt8])] = [
      ("general.architecture", number(UInt32(8)) + string("llama")),
      ("tokenizer.ggml.model", number(UInt32(8)) + string("gpt2")),
      ("tokenizer.ggml.pre", number(UInt32(8)) + string("llama-bpe")),
      ("tokenizer.ggml.tokens", list(8, ["a", "b", "ab", "<s>", "</s>"].map(string))),
      ("tokenizer.ggml.token_type", list(5, [1, 1, 1, 3, 3].map { number(Int32($0)) })),
      ("tokenizer.ggml.merges", list(8, [string("a b")])),
      ("tokenizer.ggml.eos_token_id", number(UInt32(4)) + number(UInt32(4))),
      (
        "llama.attention.layer_norm_rms_epsilon", number(UInt32(6)) + number(Float(1e-6).bitPattern)
      ),
    ]
    for (key, value) in [
      ("embedding_length", 32), ("block_count", 1), ("feed_forward_length", 256),
      ("context_length", 64), ("attention.head_count", 2), ("attention.head_count_kv", 1),
    ] { keys.append(("llama." + key, number(UInt32(4)) + number(UInt32(value)))) }
    let types = Dictionary(
      uniqueKeysWithValues: ElementType.allCases.map { ($0.name, $0.rawValue) })
    let tensors: [(String, [Int], String)] = [
      ("token_embd", [5, 32], "Q8_0"), ("output_norm", [32], "F32"),
      ("blk.0.attn_norm", [32], "F32"),
      ("blk.0.ffn_norm", [32], "F32"), ("blk.0.attn_q", [32, 32], "Q4_0"),
      ("blk.0.attn_k", [16, 32], "Q4_1"), ("blk.0.attn_v", [16, 32], "Q5_0"),
      ("blk.0.attn_output", [32, 32], "Q5_1"), ("blk.0.ffn_gate", [256, 32], "Q8_0"),
      ("blk.0.ffn_up", [256, 32], "BF16"), ("blk.0.ffn_down", [32, 256], "Q6_K"),
    ]
    var bytes = Array("GGUF".utf8) + number(UInt32(3))
    bytes += number(UInt64(tensors.count)) + number(UInt64(keys.count))
    for (key, value) in keys { bytes += string(key) + value }
    // All in one place would overlap, and is refused: they lie one after another.
    var offset = 0
    for (name, shape, type) in tensors {
      bytes += string(name + ".weight") + number(UInt32(shape.count))
      for size in shape.reversed() { bytes += number(UInt64(size)) }
      bytes += number(types[type] ?? 0) + number(UInt64(offset))
      let element = ElementType(rawValue: types[type] ?? 0) ?? .f32
      let count = shape.reduce(1, *) / element.blockSize * element.blockByteCount
      offset += (count + 31) / 32 * 32
    }
    return bytes
  }
}
