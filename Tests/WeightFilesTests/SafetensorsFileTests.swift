// Safetensors files: sound ones are read to the bit, unsound ones are refused with the reason.
import Essentials
import Foundation
import Tensors
import TestSupport
import Testing

@testable import WeightFiles

private let nano = fixturePath("CheckpointsTests/Fixtures/nano/model.safetensors")

/// Safetensors bytes with whatever header.
private func safetensors(
  _ header: String, data: Int = 0, claimedLength: UInt64? = nil
) -> [UInt8] {
  let text = Array(header.utf8)
  let length = (claimedLength ?? UInt64(text.count)).littleEndian
  return withUnsafeBytes(of: length) { Array($0) } + text + [UInt8](repeating: 7, count: data)
}

@Suite struct SafetensorsFileTests {
  @Test func readsWhatTransformersWrote() throws {
    let file = try SafetensorsFile(path: nano)
    #expect(file.names.count == 21)
    #expect(file.names.first == "lm_head.weight")
    #expect(file.metadata == ["format": "pt"])
    #expect(file.shape(of: "model.layers.1.mlp.down_proj.weight") == [128, 256])
    #expect(file.dtype(of: "model.norm.weight") == .float32)
    let norm = try file.tensor(named: "model.norm.weight")
    let place = try #require(file.entry("model.norm.weight")?.bytes)
    let expected = Array(try bytes(of: file.path)[place])
    #expect(norm.withBytes { Array($0) } == expected)
  }

  @Test func tensorsLieOverTheFileAndOutliveIt() throws {
    let scratch = try Scratch()
    var tensor: Tensor
    do {
      let path = try scratch.write(
        safetensors(#"{"a":{"dtype":"U8","shape":[2,2],"data_offsets":[0,4]}}"#, data: 4), "f")
      let file = try SafetensorsFile(path: path)
      tensor = try file.tensor(named: "a")
      let again = try file.tensor(named: "a")
      #expect(tensor.withBytes { $0.baseAddress } == again.withBytes { $0.baseAddress })
      unlink(path)
    }
    #expect(tensor.withBytes { Array($0) } == [7, 7, 7, 7])
    tensor = try SafetensorsFile(path: nano).tensor(
      named: "lm_head.weight")
    #expect(tensor.isFinite().allTrue())
  }

  @Test func readsTensorsThatAreNotAligned() throws {
    let scratch = try Scratch()
    let header = #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}} "#
    for padding in 0..<8 {
      let text = header + String(repeating: " ", count: padding)
      let path = try scratch.write(safetensors(text, data: 8), "f\(padding)")
      let bits = try SafetensorsFile(path: path).tensor(named: "a").withBytes { Array($0) }
      #expect(bits == [UInt8](repeating: 7, count: 8))
    }
  }

  @Test func givesRows() throws {
    let file = try SafetensorsFile(path: nano)
    let whole = try file.tensor(named: "model.embed_tokens.weight")
    let rows = try file.rows(5..<17, of: "model.embed_tokens.weight")
    #expect(rows.isEqual(to: whole.narrow(0, from: 5, count: 12)))
    #expect(try file.rows(3..<3, of: "model.embed_tokens.weight").shape == [0, 128])
    #expect(
      thrown { _ = try file.rows(1050..<1057, of: "model.embed_tokens.weight") }?.code
        == .checkpointMismatch)
    #expect(
      thrown { _ = try file.rows(-1..<1, of: "model.embed_tokens.weight") }?.code
        == .checkpointMismatch)
  }

  @Test func readsEmptyTensorsScalarsAndUnusualTypes() throws {
    let scratch = try Scratch()
    let header = """
      {"e":{"dtype":"F32","shape":[0,3],"data_offsets":[0,0]},\
      "s":{"dtype":"I64","shape":[],"data_offsets":[0,8]},\
      "f8":{"dtype":"F8_E4M3","shape":[3],"data_offsets":[8,11]}}
      """
    let file = try SafetensorsFile(path: scratch.write(safetensors(header, data: 11), "f"))
    #expect(file.names == ["e", "s", "f8"])
    #expect(try file.tensor(named: "e").shape == [0, 3])
    #expect(try file.tensor(named: "s").itemInt == 0x0707_0707_0707_0707)
    #expect(file.dtype(of: "f8") == nil)
    #expect(thrown { _ = try file.tensor(named: "f8") }?.code == .unsupported)
    let missing = try #require(thrown { _ = try file.tensor(named: "f9") })
    #expect(missing.code == .checkpointMismatch && missing.message.contains("'f8'"))
  }

  @Test func aFileThatIsNotThere() {
    #expect(
      thrown { _ = try SafetensorsFile(path: "/nowhere/a.safetensors") }?.code == .missingFile)
  }

  static let attacks: [(bytes: [UInt8], says: String)] = [
    ([], "0 bytes"),
    ([1, 2, 3], "3 bytes"),
    (safetensors("", claimedLength: .max), "at most"),
    (safetensors("", claimedLength: 1 << 40), "at most"),
    (safetensors("{}", claimedLength: 100_000_001), "at most"),
    (safetensors("{}", claimedLength: 99_999_999), "are there"),
    (safetensors("{}", claimedLength: 3), "are there"),
    (safetensors("{}", claimedLength: 0), "no JSON object"),
    (safetensors("[]"), "no JSON object"),
    (safetensors(" {}"), "no JSON object"),
    (safetensors("{}x"), "broken JSON"),
    (safetensors(#"{"a"#), "broken JSON"),
    (safetensors(String(repeating: #"{"a":"#, count: 5000)), "nested"),
    (safetensors("{}", data: 1), "follow"),
    (safetensors(#"{"a":1}"#), "instead of an object"),
    (safetensors(#"{"a":{"shape":[1],"data_offsets":[0,1]}}"#, data: 1), "no 'dtype'"),
    (entry(#""U7""#, "[1]", "[0,1]", data: 1), "unknown dtype"),
    (entry(#""U8""#, "3", "[0,3]", data: 3), "list of sizes"),
    (entry(#""U8""#, "[-1]", "[0,1]", data: 1), "list of sizes"),
    (entry(#""U8""#, "[1.0]", "[0,1]", data: 1), "list of sizes"),
    (entry(#""U8""#, "[1e0]", "[0,1]", data: 1), "list of sizes"),
    (entry(#""U8""#, "[99999999999999999999]", "[0,1]", data: 1), "list of sizes"),
    (entry(#""F32""#, "[9223372036854775807,2]", "[0,8]", data: 8), "too large"),
    (entry(#""F32""#, "[4294967296,4294967296]", "[0,0]"), "too large"),
    (entry(#""F32""#, "[4611686018427387904]", "[0,0]"), "too large"),
    (entry(#""F4""#, "[3]", "[0,1]", data: 1), "whole bytes"),
    (entry(#""U8""#, "[1]", "[0]", data: 1), "begin and end"),
    (entry(#""U8""#, "[1]", "[0,1,2]", data: 1), "begin and end"),
    (entry(#""U8""#, "[1]", "[1,0]", data: 1), "begin and end"),
    (entry(#""U8""#, "[1]", "[-1,0]", data: 1), "begin and end"),
    (entry(#""U8""#, "[1]", "[0,9223372036854775807]", data: 1), "beyond"),
    (entry(#""U8""#, "[2]", "[0,1]", data: 1), "takes 2 bytes"),
    (entry(#""U8""#, "[4]", "[0,4]", data: 3), "beyond the file"),
    (entry(#""U8""#, "[4]", "[0,4]", data: 5), "follow"),
    (entry(#""U8""#, "[4]", "[1,5]", data: 5), "hole"),
    (pair("[0,4]", "[2,6]", data: 6), "overlaps"),
    (pair("[0,4]", "[0,4]", data: 4), "overlaps"),
    (pair("[0,4]", "[5,9]", data: 9), "hole"),
    (pair("[0,4]", "[4,8]", data: 8, names: ("a", "a")), "twice"),
    (pair("[0,4]", "[4,8]", data: 8, names: ("a", "\\u0061")), "twice"),
    (
      safetensors(
        #"{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}"#, data: 1), "twice"
    ),
    (
      safetensors(
        #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"more":1}}"#, data: 1), "unknown key"
    ),
    (safetensors(#"{"__metadata__":{"a":1}}"#), "not a string"),
    (safetensors(#"{"__metadata__":["a"]}"#), "not an object"),
  ]

  static func entry(_ type: String, _ shape: String, _ offsets: String, data: Int = 0) -> [UInt8] {
    safetensors(
      #"{"a":{"dtype":\#(type),"shape":\#(shape),"data_offsets":\#(offsets)}}"#, data: data)
  }
  static func pair(
    _ first: String, _ second: String, data: Int, names: (String, String) = ("a", "b")
  ) -> [UInt8] {
    safetensors(
      #"{"\#(names.0)":{"dtype":"U8","shape":[4],"data_offsets":\#(first)},"#
        + #""\#(names.1)":{"dtype":"U8","shape":[4],"data_offsets":\#(second)}}"#, data: data)
  }

  @Test(arguments: attacks.indices) func refuses(attack: Int) throws {
    let (bytes, says) = Self.attacks[attack]
    let scratch = try Scratch()
    let path = try scratch.write(bytes, "attack.safetensors")
    let error = try #require(thrown { _ = try SafetensorsFile(path: path) })
    #expect(error.code == .malformedFile)
    #expect(error.location.file == path)
    #expect(error.message.contains(says), "\(error.message)")
  }

  /// Whatever the bytes: refused, or every tensor lies within the file and they fill it.
  @Test func survivesMutations() throws {
    let seeds = [
      Self.pair("[0,4]", "[4,8]", data: 8),
      safetensors(
        #"{"__metadata__":{"k":"v"},"x":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]}}"#,
        data: 12),
    ]
    var random = MersenneTwister(seed: 5)
    func below(_ limit: Int) -> Int { Int(random.next32()) % limit }
    let digits = Array("0123456789-{}[]\",:eE.\\u".utf8)
    var accepted = 0
    for round in 0..<20_000 {
      var bytes = seeds[round % seeds.count]
      for _ in 0...below(3) where !bytes.isEmpty {
        let place = below(bytes.count)
        switch below(5) {
        case 0: bytes[place] = UInt8(truncatingIfNeeded: below(256))
        case 1: bytes[place] = digits[below(digits.count)]
        case 2: bytes.remove(at: place)
        case 3: bytes.insert(digits[below(digits.count)], at: place)
        default: bytes.removeLast(below(min(bytes.count, 8) + 1))
        }
      }
      do {
        let header = try bytes.withUnsafeBytes { try SafetensorsHeader($0, path: "f") }
        accepted += 1
        let total = header.entries.reduce(0) { $0 + $1.bytes.count }
        #expect(header.entries.allSatisfy { $0.bytes.upperBound <= bytes.count })
        #expect(header.entries.first.map { $0.bytes.lowerBound + total == bytes.count } ?? true)
      } catch {
        #expect(error is TuneError)
      }
    }
    #expect(accepted > 100 && accepted < 19_000)
  }
}
