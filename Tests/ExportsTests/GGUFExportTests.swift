// GGUF files that exports write: read back by our importer and verifier, and by the `gguf` package.
import Checkpoints
import Essentials
import Exports
import Foundation
import GGUF
import Layers
import Quantization
import Tensors
import TestSupport
import Testing

@Suite struct GGUFExportTests {
  @Test(arguments: [
    ModelArchitecture.llama, .mistral, .qwen2, .qwen3, .granite, .smollm3, .olmo2, .gemma2, .gemma3,
    .phi3,
  ])
  func exportHoldsTheFolder(_ architecture: ModelArchitecture) throws {
    let model = try SmallModel(architecture)
    let place = try model.export(.gguf)
    let comparison = try model.compare(place)
    #expect(comparison.isSame, "\(comparison.table)")
    let what = Set(comparison.rows.map(\.what))
    #expect(
      what.isSuperset(of: [
        "tensors", "types and shapes", "codes", "scales", "rows of plain weights",
        "keys of the model", "tokens, types and scores", "merges", "ids of a hard text",
        "chat templates",
      ]))
  }

  /// The model that our importer makes of the file computes with the trained weights.
  @Test(arguments: [ModelArchitecture.llama, .qwen3, .gemma2, .phi3])
  func importedWeightsAreTheDequantizedOnes(_ architecture: ModelArchitecture) throws {
    let model = try SmallModel(architecture, tied: false)
    let place = try model.export(.gguf)
    let imported = model.folder + "/imported"
    try ModelImport(file: place).write(to: imported)
    let (read, own) = (try ModelFolder(path: imported), try ModelFolder(path: model.quantized))
    for parameter in model.configuration.specification.all {
      let expected = try own.quantized(parameter)?.dequantize(.float32) ?? own.whole(parameter)
      let found = try read.whole(parameter)
      #expect(found.isEqual(to: expected.to(.float32)), "\(parameter.name)")
    }
  }

  @Test(arguments: [
    (2, 64, "Q2_0"), (2, 32, "Q4_0"), (3, 32, "Q4_0"), (4, 64, "Q4_0"), (5, 32, "Q8_0"),
    (8, 32, "Q8_0"),
  ])
  func codesOfAllWidthsFit(_ bits: Int, _ group: Int, _ type: String) throws {
    let scheme = QuantizationScheme(
      weights: WeightRule(bits: bits, groupSize: group, scalePrecision: .portable),
      inputs: .int8PerToken)
    let model = try SmallModel(scheme: scheme)
    let place = try model.export(.gguf)
    let comparison = try model.compare(place)
    #expect(comparison.isSame, "\(comparison.table)")
    let file = try GGUFModel(path: place)
    #expect(file["blk.0.attn_q.weight"]?.type.name == type)
    let imported = model.folder + "/imported"
    try ModelImport(file: place).write(to: imported)
    let specification = model.configuration.specification.blocks[1].up.weight
    let own = try #require(try ModelFolder(path: model.quantized).quantized(specification))
    let read = try ModelFolder(path: imported).whole(specification)
    #expect(read.isEqual(to: own.dequantize(.float32)))
  }

  /// The real package dequantizes what we wrote to codes times scales, and sees the keys.
  @Test(.enabled(if: Program.comparesWithPython, "needs scripts/interop-env"))
  func thePackageReadsTheSame() throws {
    let model = try SmallModel(.llama)
    let place = try model.export(.gguf)
    let answer = try Program.python([
      fixturePath("ExportsTests/Fixtures/read_gguf.py"), place, model.folder + "/weights",
    ])
    let lines = answer.split(separator: "\n").map(String.init)
    #expect(lines.contains("general.architecture llama"))
    #expect(lines.contains("tokenizer.ggml.pre llama-bpe"))
    #expect(lines.contains("general.file_type 2"))
    #expect(lines.contains("llama.rope.dimension_count 16"))
    #expect(lines.contains("rope_freqs.weight F32 [8]"))
    #expect(lines.contains("output.weight Q4_0 [64, 324]"))
    #expect(lines.contains("token_embd.weight BF16 [64, 324]"))
    let own = try ModelFolder(path: model.quantized)
    for (name, parameter) in [
      ("blk.1.attn_q.weight", model.configuration.specification.blocks[1].query.weight),
      ("blk.0.ffn_down.weight", model.configuration.specification.blocks[0].down.weight),
      ("output.weight", model.configuration.headSpecification),
    ] {
      let data = try Data(contentsOf: URL(fileURLWithPath: model.folder + "/weights/" + name))
      let expected = try #require(try own.quantized(parameter)).dequantize(.float32)
      let found = data.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
      // Ours are in rotary pairs, as the file of a Llama.
      #expect(found == expected.floats, "\(name)")
    }
  }

  @Test func aTokenizerOfAnotherKindIsRefused() throws {
    let model = try SmallModel()
    let path = model.quantized + "/tokenizer.json"
    let whole = try JSON.load(path: path)
    func refusal(_ key: String, _ value: JSON) throws -> TuneError? {
      var object = try #require(whole.object)
      object[key] = value
      try JSON.object(object).text().write(toFile: path, atomically: true, encoding: .utf8)
      return tuneError { _ = try Export(model.model(), as: .gguf) }
    }
    let unknown: JSON = [
      "type": "Sequence",
      "pretokenizers": [
        [
          "type": "Split", "pattern": ["Regex": "\\p{L}+"], "behavior": "Isolated", "invert": false,
        ],
        ["type": "ByteLevel", "add_prefix_space": false, "use_regex": false],
      ],
    ]
    let splitting = try refusal("pre_tokenizer", unknown)
    #expect(splitting?.code == .unsupported)
    #expect(splitting?.message.contains("split texts") == true, "\(String(describing: splitting))")
    #expect(splitting?.location.key == "pre_tokenizer")
    let vocabulary = try refusal(
      "model", ["type": "WordLevel", "vocab": ["a": 0], "unk_token": "a"])
    #expect(vocabulary?.message.contains("no tokenizer of this kind") == true)
  }

  @Test func refusalsNameWhatFits() throws {
    let fp32 = QuantizationScheme(
      weights: WeightRule(bits: 4, groupSize: 32), inputs: .int8PerToken)
    let model = try SmallModel(tied: false, dtype: .float32, scheme: fp32)
    let error = tuneError { try model.export(.gguf) }
    #expect(error?.code == .unsupported)
    #expect(error?.message.contains("scales are fp16 there") == true)
    #expect(error?.remedy?.contains("These hold it exactly: mlx") == true)
    #expect(error?.remedy?.contains("gguf-q4_0") == true)
    #expect(error?.location.file == model.quantized)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: model.folder).sorted() == [
        "initial", "plain", "quantized",
      ])
    // What changes is told, a tensor each; the verifier finds it.
    let place = model.folder + "/inexact.gguf"
    let report = try Export(model.model(), as: .gguf, allowsInexact: true).write(to: place)
    #expect(report.changes.count == report.quantized && report.changes[0].largest < 0x1p-10)
    let comparison = try model.compare(place)
    #expect(!comparison.isSame)
    let rows = Dictionary(uniqueKeysWithValues: comparison.rows.map { ($0.what, $0) })
    #expect(rows["codes"]?.different == 0)
    #expect(rows["scales"]?.different == report.changes.reduce(0) { $0 + $1.scales })

    let group = QuantizationScheme(
      weights: WeightRule(bits: 4, groupSize: 16, scalePrecision: .portable), inputs: .exact)
    let small = try SmallModel(scheme: group)
    let blocks = tuneError { try small.export(.gguf, allowsInexact: true) }
    #expect(blocks?.message.contains("groups of 16 weights are not whole blocks of 32") == true)
  }
}

/// SentencePiece's tokenizers, of files that llama.cpp's converter made: imported, exported, imported again.
@Suite struct PieceTokenizerExportTests {
  @Test(arguments: ["mistral", "gemma2", "gemma3"])
  func tokensComeBack(_ name: String) throws {
    let folder = NSTemporaryDirectory() + "exports-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let source = fixturePath("GGUFTests/Fixtures/\(name).gguf")
    try ModelImport(file: source).write(to: folder + "/model")
    let model = try ExportModel(
      ModelFolder(path: folder + "/model"), plan: QuantizationPreset.gguf8Bit.plan())
    _ = try Export(model, as: .gguf).write(to: folder + "/out.gguf")
    try ModelImport(file: folder + "/out.gguf").write(to: folder + "/again")
    let (first, second) = (try GGUFFile(path: source), try GGUFFile(path: folder + "/out.gguf"))
    #expect(
      try first.strings("tokenizer.ggml.tokens") == second.strings("tokenizer.ggml.tokens"))
    #expect(
      try first.integers("tokenizer.ggml.token_type")
        == second.integers("tokenizer.ggml.token_type"))
  }
}
