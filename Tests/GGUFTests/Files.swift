// Files of these tests: fixtures, GGUF files written here, and what an import wrote.
import Essentials
import Foundation
import TestSupport

@testable import GGUF

enum Files {
  static func fixture(_ name: String) -> String { fixturePath("GGUFTests/Fixtures/" + name) }

  /// All weights of a tensor.
  static func weights(_ model: GGUFModel, _ name: String) throws -> [Float] {
    guard let tensor = model[name], let bytes = model.bytes(of: name) else {
      throw TuneError(.data, "no tensor '\(name)'")
    }
    var weights = [Float](repeating: 0, count: tensor.elementCount)
    weights.withUnsafeMutableBufferPointer {
      Dequantization.dequantize(bytes, tensor.type, into: $0)
    }
    return weights
  }

  /// A new folder, removed after `body`.
  static func inFolder<R>(_ body: (String) throws -> R) throws -> R {
    let folder = NSTemporaryDirectory() + "gguf-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try body(folder)
  }

  /// The tensors of a safetensors file: shape, dtype and bytes.
  static func safetensors(_ path: String) throws -> [String: (shape: [Int], type: String, [UInt8])]
  {
    let data = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    let length = Int(data.withUnsafeBytes { $0.load(as: UInt64.self) })
    let header = try JSON.parse(Data(data[8..<8 + length]))
    var tensors: [String: (shape: [Int], type: String, [UInt8])] = [:]
    for (name, entry) in header.object ?? JSONObject() where name != "__metadata__" {
      let shape = entry["shape"]?.array?.compactMap(\.integer) ?? []
      let offsets = entry["data_offsets"]?.array?.compactMap(\.integer) ?? []
      let bytes = Array(data[8 + length + offsets[0]..<8 + length + offsets[1]])
      tensors[name] = (shape, entry["dtype"]?.string ?? "", bytes)
    }
    return tensors
  }

  /// FNV-1a, as Fixtures/make_models.py computes it.
  static func checksum(_ bytes: [UInt8]) -> String {
    let value = bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

/// A GGUF file, written key by key.
struct FileWriter {
  var version: UInt32 = 3
  var keys: [(String, [UInt8])] = []
  var tensors: [(name: String, dimensions: [UInt64], type: UInt32, bytes: [UInt8])] = []
  var alignment = 32

  static func number<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }
  static func string(_ text: String) -> [UInt8] {
    number(UInt64(text.utf8.count)) + Array(text.utf8)
  }

  mutating func set(_ key: String, _ value: UInt32) {
    keys.append((key, Self.number(UInt32(4)) + Self.number(value)))
  }
  mutating func set(_ key: String, _ value: Float) {
    keys.append((key, Self.number(UInt32(6)) + Self.number(value.bitPattern)))
  }
  mutating func set(_ key: String, _ value: String) {
    keys.append((key, Self.number(UInt32(8)) + Self.string(value)))
  }
  mutating func set(_ key: String, _ values: [String]) {
    let head = Self.number(UInt32(9)) + Self.number(UInt32(8)) + Self.number(UInt64(values.count))
    keys.append((key, head + values.flatMap(Self.string)))
  }
  mutating func set(_ key: String, _ values: [Int32]) {
    let head = Self.number(UInt32(9)) + Self.number(UInt32(5)) + Self.number(UInt64(values.count))
    keys.append((key, head + values.flatMap { Self.number($0) }))
  }
  mutating func remove(_ key: String) { keys.removeAll { $0.0 == key } }

  /// Float32 weights, outermost dimension first.
  mutating func add(_ name: String, _ shape: [Int], _ weight: (Int) -> Float = { Float($0 % 7) }) {
    let count = shape.reduce(1, *)
    tensors.append(
      (
        name, shape.reversed().map { UInt64($0) }, 0,
        (0..<count).flatMap { Self.number(weight($0).bitPattern) }
      ))
  }

  var bytes: [UInt8] {
    var bytes = Array("GGUF".utf8) + Self.number(version)
    bytes += Self.number(UInt64(tensors.count)) + Self.number(UInt64(keys.count))
    for (key, value) in keys { bytes += Self.string(key) + value }
    var data: [UInt8] = []
    for tensor in tensors {
      data += Array(repeating: 0, count: (alignment - data.count % alignment) % alignment)
      bytes += Self.string(tensor.name) + Self.number(UInt32(tensor.dimensions.count))
      for size in tensor.dimensions { bytes += Self.number(size) }
      bytes += Self.number(tensor.type) + Self.number(UInt64(data.count))
      data += tensor.bytes
    }
    bytes += Array(repeating: 0, count: (alignment - bytes.count % alignment) % alignment)
    return bytes + data
  }

  func write(to path: String) throws { try Data(bytes).write(to: URL(fileURLWithPath: path)) }

  /// A Llama of one block and 9 tokens.
  static func llama() -> FileWriter {
    var file = FileWriter()
    file.set("general.architecture", "llama")
    for (key, value) in [
      ("embedding_length", 4), ("block_count", 1), ("feed_forward_length", 8),
      ("context_length", 64), ("attention.head_count", 2), ("attention.head_count_kv", 1),
    ] { file.set("llama." + key, UInt32(value)) }
    file.set("llama.attention.layer_norm_rms_epsilon", Float(1e-6))
    file.set("tokenizer.ggml.model", "gpt2")
    file.set("tokenizer.ggml.pre", "gpt-2")
    file.set("tokenizer.ggml.tokens", ["a", "b", "c", "ab", "abc", "<s>", "</s>", "x", "[PAD8]"])
    file.set("tokenizer.ggml.token_type", [1, 1, 1, 1, 1, 3, 3, 4, 5] as [Int32])
    file.set("tokenizer.ggml.merges", ["a b", "ab c"])
    file.set("tokenizer.ggml.bos_token_id", UInt32(5))
    file.set("tokenizer.ggml.eos_token_id", UInt32(6))
    file.add("token_embd.weight", [9, 4])
    file.add("output_norm.weight", [4])
    for (name, shape) in [
      ("attn_norm", [4]), ("ffn_norm", [4]), ("attn_q", [4, 4]), ("attn_k", [2, 4]),
      ("attn_v", [2, 4]), ("attn_output", [4, 4]), ("ffn_gate", [8, 4]), ("ffn_up", [8, 4]),
      ("ffn_down", [4, 8]),
    ] { file.add("blk.0.\(name).weight", shape) }
    return file
  }
}
