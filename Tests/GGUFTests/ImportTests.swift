// Each architecture's file, made by llama.cpp's converter from a model of transformers, becomes the folder
// of that model again: the same tensors to the bit, and the configuration recorded beside it, which
// Fixtures/make_models.py --check has compared in transformers.
import Essentials
import Foundation
import TestSupport
import Testing

@testable import GGUF

@Suite struct ImportTests {
  static let names = [
    "llama", "llama3", "llama_bias", "llama_q8", "llama_f16", "llama_bf16", "mistral", "qwen2",
    "qwen3", "gemma2", "gemma3", "phi3", "phi3_long", "olmo2", "granite", "smollm3",
  ]

  @Test(arguments: names) func folderHasTheModelsTensors(_ name: String) throws {
    let expected = try JSON.load(path: Files.fixture("weights.json"))[name]?.object
    try Files.inFolder { folder in
      let plan = try ModelImport(file: Files.fixture(name + ".gguf"))
      var written = 0
      try plan.write(to: folder + "/out") { written += $0 }
      let tensors = try Files.safetensors(folder + "/out/model.safetensors")
      #expect(written == plan.summary.byteCount)
      #expect(Set(tensors.keys) == Set(expected?.keys ?? []))
      for (key, value) in expected ?? JSONObject() {
        let shape = value.array?.first?.array?.compactMap(\.integer)
        #expect(tensors[key]?.shape == shape, "\(key)")
        #expect(tensors[key].map { Files.checksum($0.2) } == value.array?.last?.string, "\(key)")
      }
      let types = Set(tensors.values.map(\.type))
      #expect(types == [name == "llama_f16" ? "F16" : name == "llama_bf16" ? "BF16" : "F32"])
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["out"])
    }
  }

  @Test func configurationsAreAsRecorded() throws {
    var text = ""
    try Files.inFolder { folder in
      for name in Self.names {
        try ModelImport(file: Files.fixture(name + ".gguf")).write(to: folder + "/" + name)
        for file in ["config.json", "generation_config.json"] {
          text += "\(name)/\(file)\n"
          text += try String(contentsOfFile: "\(folder)/\(name)/\(file)", encoding: .utf8)
        }
      }
    }
    #expect(text == (try snapshot("GGUFTests/Fixtures/configurations.txt", recording: text)))
  }

  @Test func dtypeIsTheOneAskedFor() throws {
    try Files.inFolder { folder in
      let path = Files.fixture("llama.gguf")
      try ModelImport(file: path).write(to: folder + "/float")
      let floats = try Files.safetensors(folder + "/float/model.safetensors")
      for (dtype, name) in [(StoredType.bfloat16, "BF16"), (.float16, "F16")] {
        let out = "\(folder)/\(name)"
        try ModelImport(file: path, dtype: dtype).write(to: out)
        for (key, tensor) in try Files.safetensors(out + "/model.safetensors") {
          #expect(tensor.type == name)
          let weights =
            floats[key]?.2.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) } ?? []
          let halves = tensor.2.withUnsafeBytes { Array($0.bindMemory(to: UInt16.self)) }
          let round = dtype == .float16 ? HalfPrecision.half : HalfPrecision.bfloat
          #expect(halves == weights.map(round), "\(key)")
        }
        #expect(try JSON.load(path: out + "/config.json")["torch_dtype"]?.string == dtype.rawValue)
      }
    }
  }

  /// A vector that half precision would change keeps the file's matrices in float32.
  @Test func halfPrecisionIsKeptOnlyWhereItHoldsAll() throws {
    var file = FileWriter.llama()
    for place in file.tensors.indices where file.tensors[place].dimensions.count > 1 {
      let count = file.tensors[place].bytes.count / 4
      file.tensors[place].type = 1
      file.tensors[place].bytes = Array(repeating: 0, count: count * 2)
    }
    try Files.inFolder { folder in
      try file.write(to: folder + "/exact.gguf")
      #expect(try ModelImport(file: folder + "/exact.gguf").summary.dtype == .float16)
      file.tensors.removeAll { $0.name == "output_norm.weight" }
      file.add("output_norm.weight", [4]) { _ in 1.0001 }
      try file.write(to: folder + "/inexact.gguf")
      #expect(try ModelImport(file: folder + "/inexact.gguf").summary.dtype == .float32)
    }
  }

  @Test func partsOfAModelAreReadTogether() throws {
    let whole = FileWriter.llama()
    try Files.inFolder { folder in
      try whole.write(to: folder + "/whole.gguf")
      for part in 0..<3 {
        var file = FileWriter()
        if part == 0 { file.keys = whole.keys }
        file.set("split.no", UInt32(part))
        file.set("split.count", 3 as UInt32)
        file.set("split.tensors.count", UInt32(whole.tensors.count))
        file.tensors = whole.tensors.enumerated().filter { $0.offset % 3 == part }.map(\.element)
        try file.write(to: folder + "/m-0000\(part + 1)-of-00003.gguf")
      }
      try ModelImport(file: folder + "/whole.gguf").write(to: folder + "/a")
      try ModelImport(file: folder + "/m-00002-of-00003.gguf").write(to: folder + "/b")
      for name in ["model.safetensors", "config.json", "tokenizer.json"] {
        #expect(
          FileManager.default.contentsEqual(
            atPath: "\(folder)/a/\(name)", andPath: "\(folder)/b/\(name)"), "\(name)")
      }
      try FileManager.default.removeItem(atPath: folder + "/m-00003-of-00003.gguf")
      let error = #expect(throws: TuneError.self) {
        try ModelImport(file: folder + "/m-00001-of-00003.gguf")
      }
      #expect(error?.location.file?.hasSuffix("/m-00003-of-00003.gguf") == true)
    }
  }

  @Test func failedImportLeavesNothing() throws {
    try Files.inFolder { folder in
      let plan = try ModelImport(file: Files.fixture("llama.gguf"))
      struct Stop: Error {}
      #expect(throws: Stop.self) { try plan.write(to: folder + "/out") { _ in throw Stop() } }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
      try plan.write(to: folder + "/out")
      let error = #expect(throws: TuneError.self) { try plan.write(to: folder + "/out") }
      #expect(error?.code == .usage && error?.remedy?.contains("--output") == true)
    }
  }
}
