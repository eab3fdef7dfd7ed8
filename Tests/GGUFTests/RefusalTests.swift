// What is refused, and how: each error names the file, the key or tensor, and a remedy.
import Essentials
import Foundation
import TestSupport
import Testing

@testable import GGUF

@Suite struct RefusalTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var code: TuneError.Code
    /// Parts of the message.
    var says: [String]
    var change: @Sendable (inout FileWriter) -> Void

    init(
      _ name: String, _ code: TuneError.Code, _ says: [String],
      _ change: @escaping @Sendable (inout FileWriter) -> Void
    ) {
      (testDescription, self.code, self.says, self.change) = (name, code, says, change)
    }
  }

  static let headers: [Case] = [
    Case("version", .unsupported, ["version 1"]) { $0.version = 1 },
    Case("big-endian", .unsupported, ["big-endian"]) { $0.version = 0x0300_0000 },
    Case("a key twice", .malformedFile, ["'llama.block_count'", "twice"]) {
      $0.set("llama.block_count", 1 as UInt32)
    },
    Case("nested lists", .malformedFile, ["'x'", "lists inside lists"]) {
      let (list, one) = (FileWriter.number(9 as UInt32), FileWriter.number(1 as UInt64))
      $0.keys.append(("x", list + list + one + one))
    },
    Case("a list beyond the file", .malformedFile, ["'x'", "more than the file can hold"]) {
      $0.keys.append(
        (
          "x",
          FileWriter.number(9 as UInt32) + FileWriter.number(4 as UInt32)
            + FileWriter.number(UInt64.max)
        ))
    },
    Case("a value of no type", .malformedFile, ["'x'", "type 13"]) {
      $0.keys.append(("x", FileWriter.number(13 as UInt32)))
    },
    Case("alignment", .malformedFile, ["general.alignment"]) {
      $0.set("general.alignment", 48 as UInt32)
    },
    Case("a tensor twice", .malformedFile, ["'output_norm.weight'", "twice"]) {
      $0.add("output_norm.weight", [4])
    },
    Case("dimensions", .malformedFile, ["'token_embd.weight'", "5 dimensions"]) {
      $0.tensors[0].dimensions = [1, 1, 1, 1, 36]
    },
    Case("no dimension", .malformedFile, ["'token_embd.weight'", "0 dimensions"]) {
      $0.tensors[0].dimensions = []
    },
    Case("an empty tensor", .malformedFile, ["'token_embd.weight'", "size 0"]) {
      $0.tensors[0].dimensions = [0, 4]
    },
    Case("sizes that overflow", .malformedFile, ["'token_embd.weight'"]) {
      $0.tensors[0].dimensions = [1 << 40, 1 << 40]
    },
    Case("beyond the file", .malformedFile, ["'token_embd.weight'", "beyond the file"]) {
      $0.tensors[0].dimensions = [4, 1 << 40]
    },
    Case("overlapping tensors", .malformedFile, ["overlaps"]) {
      $0.tensors[0].dimensions = [4, 12]
    },
    Case("type", .unsupported, ["'token_embd.weight'", "IQ4_XS", "Q6_K"]) {
      $0.tensors[0].type = 23
    },
    Case("unknown type", .unsupported, ["'token_embd.weight'", "99"]) { $0.tensors[0].type = 99 },
    Case("broken blocks", .malformedFile, ["'token_embd.weight'", "whole blocks of 32 (Q8_0)"]) {
      $0.tensors[0].type = 8
    },
  ]

  static let models: [Case] = [
    Case("architecture", .unsupported, ["'mamba'", "smollm3"]) {
      $0.remove("general.architecture")
      $0.set("general.architecture", "mamba")
    },
    Case("no architecture", .malformedFile, ["general.architecture", "missing"]) {
      $0.remove("general.architecture")
    },
    Case("key of another type", .malformedFile, ["llama.block_count", "a string instead"]) {
      $0.remove("llama.block_count")
      $0.set("llama.block_count", "1")
    },
    Case("a key missing", .malformedFile, ["llama.context_length", "missing"]) {
      $0.remove("llama.context_length")
    },
    Case("a key not understood", .unsupported, ["llama.new_idea", "not understood"]) {
      $0.set("llama.new_idea", 1 as UInt32)
    },
    Case("blocks", .malformedFile, ["llama.block_count"]) {
      $0.remove("llama.block_count")
      $0.set("llama.block_count", UInt32.max)
    },
    Case("experts", .unsupported, ["llama.expert_count", "mixtures"]) {
      $0.set("llama.expert_count", 8 as UInt32)
    },
    Case("heads", .malformedFile, ["attention.head_count_kv"]) {
      $0.remove("llama.attention.head_count")
      $0.set("llama.attention.head_count", 3 as UInt32)
      $0.remove("llama.attention.head_count_kv")
      $0.set("llama.attention.head_count_kv", 2 as UInt32)
    },
    Case("a tensor missing", .checkpointMismatch, ["'blk.0.ffn_up.weight' is missing"]) {
      $0.tensors.removeAll { $0.name == "blk.0.ffn_up.weight" }
    },
    Case("a tensor without a place", .checkpointMismatch, ["'blk.1.ffn_up.weight'", "no place"]) {
      $0.add("blk.1.ffn_up.weight", [8, 4])
    },
    Case("a shape", .checkpointMismatch, ["'blk.0.attn_q.weight'", "[4, 4]"]) {
      $0.tensors.removeAll { $0.name == "blk.0.attn_q.weight" }
      $0.add("blk.0.attn_q.weight", [8, 4])
    },
    Case("rotary base", .malformedFile, ["llama.rope.freq_base", "is not positive"]) {
      $0.remove("llama.rope.freq_base")
      $0.set("llama.rope.freq_base", 0 as Float)
    },
    Case("rotary scaling", .unsupported, ["llama.rope.scaling.type", "'longrope'"]) {
      $0.set("llama.rope.scaling.type", "longrope")
    },
    Case("rotary factors", .unsupported, ["rope_freqs.weight"]) {
      $0.add("rope_freqs.weight", [1]) { _ in 0.5 }
    },
    Case("an id beyond the vocabulary", .malformedFile, ["bos_token_id", "9 tokens"]) {
      $0.remove("tokenizer.ggml.bos_token_id")
      $0.set("tokenizer.ggml.bos_token_id", 9 as UInt32)
    },
  ]

  static let tokenizers: [Case] = [
    Case("no tokenizer", .malformedFile, ["tokenizer.ggml.model", "--tokenizer"]) {
      $0.remove("tokenizer.ggml.model")
    },
    Case("kind of tokenizer", .unsupported, ["'t5'", "--tokenizer"]) {
      $0.remove("tokenizer.ggml.model")
      $0.set("tokenizer.ggml.model", "t5")
    },
    Case("pre-tokenizer", .unsupported, ["'kimi-k2'", "llama-bpe", "--tokenizer"]) {
      $0.remove("tokenizer.ggml.pre")
      $0.set("tokenizer.ggml.pre", "kimi-k2")
    },
    Case("no pre-tokenizer", .malformedFile, ["tokenizer.ggml.pre", "--tokenizer"]) {
      $0.remove("tokenizer.ggml.pre")
    },
    Case("a token twice", .malformedFile, ["tokens", "token 1"]) {
      $0.remove("tokenizer.ggml.tokens")
      $0.set("tokenizer.ggml.tokens", ["a", "a", "c", "ab", "abc", "<s>", "</s>", "x", "y"])
    },
    Case("more tokens than rows", .malformedFile, ["10 tokens", "9 rows"]) {
      $0.remove("tokenizer.ggml.tokens")
      $0.set("tokenizer.ggml.tokens", (0..<10).map { "t\($0)" })
    },
    Case("a merge of no tokens", .malformedFile, ["merges", "'a q'"]) {
      $0.remove("tokenizer.ggml.merges")
      $0.set("tokenizer.ggml.merges", ["a b", "a q"])
    },
    Case("a merge of three", .malformedFile, ["merges", "merge 0"]) {
      $0.remove("tokenizer.ggml.merges")
      $0.set("tokenizer.ggml.merges", ["a b c"])
    },
    Case("types of tokens", .malformedFile, ["token_type", "type 9"]) {
      $0.remove("tokenizer.ggml.token_type")
      $0.set("tokenizer.ggml.token_type", [1, 1, 1, 1, 1, 9, 3, 4, 5] as [Int32])
    },
    Case("scores lost", .unsupported, ["scores", "--tokenizer"]) {
      $0.remove("tokenizer.ggml.model")
      $0.set("tokenizer.ggml.model", "llama")
      let scores = (0..<9).flatMap { _ in FileWriter.number(Float(-1000).bitPattern) }
      let head = FileWriter.number(9 as UInt32) + FileWriter.number(6 as UInt32)
      $0.keys.append(("tokenizer.ggml.scores", head + FileWriter.number(9 as UInt64) + scores))
    },
  ]

  @Test(arguments: headers + models + tokenizers) func refusalSaysWhatToMend(_ example: Case) throws
  {
    try Files.inFolder { folder in
      let path = folder + "/model.gguf"
      var file = FileWriter.llama()
      try file.write(to: path)
      _ = try ModelImport(file: path)
      example.change(&file)
      try file.write(to: path)
      let error = #expect(throws: TuneError.self) { try ModelImport(file: path) }
      #expect(error?.code == example.code)
      #expect(error?.location.file == path && error?.remedy != nil)
      for part in example.says {
        #expect(error?.description.contains(part) == true, "\(error?.description ?? "none")")
      }
    }
  }

  @Test func foldersAndOtherFilesAreRefused() throws {
    try Files.inFolder { folder in
      let error = #expect(throws: TuneError.self) { try ModelImport(file: folder) }
      #expect(error?.message == "is a folder, not a GGUF file")
      try Data("{}".utf8).write(to: URL(fileURLWithPath: folder + "/x.gguf"))
      let other = #expect(throws: TuneError.self) { try ModelImport(file: folder + "/x.gguf") }
      #expect(other?.code == .malformedFile)
      let none = #expect(throws: TuneError.self) { try ModelImport(file: folder + "/none.gguf") }
      #expect(none?.code == .missingFile)
    }
  }

  @Test func weightBeyondTheDTypeIsRefused() throws {
    try Files.inFolder { folder in
      var file = FileWriter.llama()
      file.tensors.removeAll { $0.name == "output_norm.weight" }
      file.add("output_norm.weight", [4]) { $0 == 2 ? 1e6 : 1 }
      try file.write(to: folder + "/m.gguf")
      let plan = try ModelImport(file: folder + "/m.gguf", dtype: .float16)
      let error = #expect(throws: TuneError.self) { try plan.write(to: folder + "/out") }
      #expect(error?.message.contains("'output_norm.weight' has 1000000.0") == true)
      #expect(!FileManager.default.fileExists(atPath: folder + "/out"))
    }
  }

  /// Headers with bytes changed, cut and moved: every one is read or refused, at no more cost.
  @Test func noHeaderCrashesTheReader() throws {
    var generator = SplitMix(state: 11)
    var (read, refused) = (0, 0)
    let start = Self.residentBytes()
    try Files.inFolder { folder in
      let small = FileWriter.llama().bytes
      let scored = Array(
        try Data(contentsOf: URL(fileURLWithPath: Files.fixture("gemma2.gguf"))).prefix(20_000))
      for round in 0..<4000 {
        var bytes = round % 10 == 0 ? scored : small
        let reach = round % 10 == 0 ? bytes.count : 1700
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
          Self.mutate(&bytes, within: min(reach, bytes.count), &generator)
        }
        let path = folder + "/m.gguf"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        do {
          let plan = try ModelImport(file: path)
          read += 1
          // Not each: a folder is brought to the disk.
          if read % 20 > 0 { continue }
          try plan.write(to: folder + "/out")
          try FileManager.default.removeItem(atPath: folder + "/out")
        } catch is TuneError {
          refused += 1
        }
      }
    }
    #expect(read > 100 && refused > 1000, "\(read) read, \(refused) refused")
    #expect(Self.residentBytes() - start < 200 << 20)
  }

  private static func mutate(
    _ bytes: inout [UInt8], within reach: Int, _ generator: inout SplitMix
  ) {
    guard reach > 16 else { return }
    let place = Int.random(in: 0..<reach - 8, using: &generator)
    switch Int.random(in: 0..<6, using: &generator) {
    case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
    case 1: bytes[place] = UInt8.random(in: 0...255, using: &generator)
    case 2:
      // A size: huge, or just too large.
      let sizes: [UInt64] = [.max, 1 << 63, 1 << 62, 1 << 40, 1 << 32, 0xFFFF_FFFF, 0, 4096]
      let size = FileWriter.number(sizes.randomElement(using: &generator) ?? 0)
      bytes.replaceSubrange(place..<place + 8, with: size)
    case 3: bytes.removeSubrange(place..<min(bytes.count, place + 4))
    case 4: bytes.insert(contentsOf: bytes[place..<place + 8], at: place)
    default: bytes.removeLast(Int.random(in: 1..<min(64, bytes.count - 16), using: &generator))
    }
  }

  /// The most that this process has had in memory.
  private static func residentBytes() -> Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss * 1024
  }
}
