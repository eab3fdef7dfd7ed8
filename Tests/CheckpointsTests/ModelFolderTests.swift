// Model folders, read and written: the tiny golden model to the bit in torchtune's row order, and
// back to the bytes that transformers wrote.
import Essentials
import Foundation
import Layers
import Tensors
import TestSupport
import Testing
import WeightFiles

@testable import Checkpoints

@Suite struct ModelFolderTests {
  @Test func readsTheTinyModelInOurRowOrder() throws {
    let folder = try nanoFolder()
    let hf = try SafetensorsFile(path: fixture("nano/model.safetensors"))
    let pairs = try SafetensorsFile(path: fixture("nano_rotary_pairs.safetensors"))
    let decoder = folder.configuration.decoder
    #expect(folder.dtype == .float32 && folder.quantizationScheme == nil)
    try folder.check(against: decoder)
    #expect(folder.unexpectedNames(for: decoder).isEmpty)
    var permuted = 0
    for parameter in decoder.specification.all {
      let name = parameter.name
      let isPermuted = pairs.contains(name)
      permuted += isPermuted ? 1 : 0
      let expected = try (isPermuted ? pairs : hf).tensor(named: name)
      #expect(try folder.whole(parameter).isEqual(to: expected), "\(name)")
      #expect(try folder.quantized(parameter) == nil)
      let count = parameter.shape[0]
      for rows in [0..<count, 0..<1, 1..<count, count / 3..<count / 2 + 1, count..<count] {
        let part = expected.narrow(0, from: rows.lowerBound, count: rows.count)
        #expect(try folder.rows(parameter, rows).isEqual(to: part), "\(name) \(rows)")
      }
    }
    #expect(permuted == 4)
  }

  /// Both orders, against the definition: view as (heads, 2, half, ..), swap, flatten.
  @Test(arguments: [1, 2, 5], [2, 4, 16]) func rowOrdersUndoEachOther(heads: Int, width: Int) {
    let order = ParameterSpecification.RowOrder.rotaryHalves(heads: heads, width: width)
    let rowCount = heads * width
    let checkpoint = Tensor.arange(rowCount * 3).reshape(rowCount, 3)
    let ours = checkpoint.reshape(heads, 2, width / 2, 3).transpose(1, 2).reshape(rowCount, 3)
    let places = order.checkpointRows(for: 0..<rowCount, of: rowCount) ?? []
    #expect(checkpoint.rows(Tensor(places.map(Int64.init))).isEqual(to: ours))
    #expect(order.toCheckpoint(ours).isEqual(to: checkpoint))
  }

  static func copy(_ source: ModelFolder, to path: String, dtype: DType = .float32) throws {
    let writer = try ModelFolderWriter(to: path, like: source, dtype: dtype)
    for parameter in writer.specifications.reversed() {
      try writer.write(source.whole(parameter), for: parameter)
    }
    try writer.finish()
  }

  @Test func writesBackTheSameBytes() throws {
    let scratch = try Scratch()
    try Self.copy(nanoFolder(), to: scratch["out/epoch_0"])
    #expect(
      try bytes(of: scratch["out/epoch_0/model.safetensors"])
        == bytes(of: fixture("nano/model.safetensors")))
    #expect(
      scratch.everything == [
        "out", "out/epoch_0", "out/epoch_0/config.json", "out/epoch_0/model.safetensors",
      ])
    let before = try ModelConfigurationFile(path: fixture("nano/config.json"))
    let after = try ModelConfigurationFile(path: scratch["out/epoch_0/config.json"])
    #expect(after.decoder == before.decoder && after.dtype == .float32)
    #expect(after.json.keys == before.json.keys)
  }

  @Test func writesAnotherDTypeAndSaysSo() throws {
    let scratch = try Scratch()
    let source = try nanoFolder()
    try Self.copy(source, to: scratch["bf16"], dtype: .bfloat16)
    let written = try ModelFolder(path: scratch["bf16"])
    #expect(written.configuration.dtype == .bfloat16 && written.dtype == .bfloat16)
    try written.check(against: source.configuration.decoder)
    let query = source.configuration.decoder.specification.blocks[1].query.weight
    #expect(try written.whole(query).isEqual(to: source.whole(query).to(.bfloat16)))
    #expect(written.sizeReport().plainBytes == source.sizeReport().plainBytes / 2)
  }

  @Test func copiesTheTokenizerAndKeepsShards() throws {
    let scratch = try Scratch()
    let configuration = try nanoFolder().configuration.decoder
    try initializeModelFolder(
      scratch["base"], configuration, dtype: .bfloat16, seed: 1, shardCount: 3)
    let source = try ModelFolder(path: scratch["base"])
    for name in ["tokenizer.json", "generation_config.json", "notes.txt", "pytorch_model.bin"] {
      _ = try scratch.write(Array(name.utf8), "base/" + name)
    }
    try FileManager.default.createDirectory(
      atPath: scratch["base/original"], withIntermediateDirectories: true)
    _ = try scratch.write([1], "base/original/tokenizer.model")
    _ = try scratch.write([1], "base/original/consolidated.00.pth")
    try FileManager.default.createDirectory(
      atPath: scratch["base/additional_chat_templates"], withIntermediateDirectories: true)
    _ = try scratch.write([1], "base/additional_chat_templates/tool_use.jinja")
    _ = try scratch.write([1], "base/chat_template.json")
    try Self.copy(source, to: scratch["new"], dtype: .bfloat16)
    #expect(
      scratch.everything.filter { $0.hasPrefix("new/") } == [
        "new/additional_chat_templates", "new/additional_chat_templates/tool_use.jinja",
        "new/chat_template.json", "new/config.json", "new/generation_config.json",
        "new/model-00001-of-00003.safetensors", "new/model-00002-of-00003.safetensors",
        "new/model-00003-of-00003.safetensors", "new/model.safetensors.index.json",
        "new/original", "new/original/tokenizer.model", "new/tokenizer.json",
      ])
    for name in ["model-00002-of-00003.safetensors", "model.safetensors.index.json"] {
      #expect(try bytes(of: scratch["new/" + name]) == bytes(of: scratch["base/" + name]))
    }
    let index = try JSON.load(path: scratch["new/model.safetensors.index.json"])
    #expect(index["metadata"]?["total_size"]?.integer == configuration.parameterCount * 2)
    #expect(index["weight_map"]?.object?.count == 21)
  }

  @Test func replacesAnOlderFolderOnlyWhenComplete() throws {
    let scratch = try Scratch()
    let source = try nanoFolder()
    let configuration = source.configuration.decoder
    try initializeModelFolder(
      scratch["epoch"], configuration, dtype: .float32, seed: 1, shardCount: 2)
    _ = try scratch.write([5], "epoch/notes.txt")
    try FileManager.default.createDirectory(
      atPath: scratch["epoch/original"], withIntermediateDirectories: true)
    _ = try scratch.write([6], "epoch/original/consolidated.00.pth")
    let before = scratch.everything
    do {
      let writer = try ModelFolderWriter(to: scratch["epoch"], like: source, dtype: .float32)
      try writer.write(source.whole(writer.specifications[3]), for: writer.specifications[3])
      #expect(try ModelFolder(path: scratch["epoch"]).files.count == 2)
    }
    #expect(scratch.everything == before)
    try Self.copy(source, to: scratch["epoch"])
    #expect(
      scratch.everything == [
        "epoch", "epoch/config.json", "epoch/model.safetensors", "epoch/notes.txt",
        "epoch/original", "epoch/original/consolidated.00.pth",
      ])
    #expect(try bytes(of: scratch["epoch/notes.txt"]) == [5])
  }

  /// A limit on the size of files stands for a full disk.
  @Test func aFullDiskLeavesTheOldFolder() async {
    await #expect(processExitsWith: .success) {
      let scratch = try Scratch()
      let source = try nanoFolder()
      try initializeModelFolder(
        scratch["epoch"], source.configuration.decoder, dtype: .float32, seed: 1, shardCount: 2)
      let before = scratch.everything
      limitFileSize(1 << 20)
      let begun = thrown {
        _ = try ModelFolderWriter(to: scratch["epoch"], like: source, dtype: .float32)
      }
      #expect(begun?.code == .disk)
      #expect(scratch.everything == before)
      let old = try ModelFolder(path: scratch["epoch"])
      try old.check(against: source.configuration.decoder)
    }
  }

  /// What a killed run leaves beside the folder goes when the next one writes it.
  @Test func removesWhatAKilledRunLeft() throws {
    let scratch = try Scratch()
    // No process has this number: the kernel's limit is below.
    try FileManager.default.createDirectory(
      atPath: scratch["epoch.partial-2000000000"], withIntermediateDirectories: true)
    _ = try scratch.write([1], "epoch.partial-2000000000/model.safetensors")
    try Self.copy(nanoFolder(), to: scratch["epoch"])
    #expect(scratch.everything == ["epoch", "epoch/config.json", "epoch/model.safetensors"])
  }

  @Test func followsALinkToTheFolderItReplaces() throws {
    let scratch = try Scratch()
    try FileManager.default.createDirectory(
      atPath: scratch["real"], withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(
      atPath: scratch["link"], withDestinationPath: scratch["real"])
    try Self.copy(nanoFolder(), to: scratch["link"])
    #expect(scratch.everything.contains("real/model.safetensors"))
    #expect(scratch.everything.filter { $0.contains("partial") }.isEmpty)
  }

  @Test func neverWritesOverItsOwnSource() throws {
    let scratch = try Scratch()
    let folder = try nanoCopy(in: scratch)
    let source = try ModelFolder(path: folder)
    let error = thrown {
      _ = try ModelFolderWriter(to: folder + "/../model/", like: source, dtype: .float32)
    }
    #expect(error?.code == .configuration)
  }

  @Test func initializesTheSameModelInAnyNumberOfFiles() throws {
    let scratch = try Scratch()
    let configuration = DecoderConfiguration(
      vocabularySize: 40, layerCount: 2, headCount: 4, keyValueHeadCount: 2, width: 32,
      hiddenWidth: 48, maximumSequenceLength: 64, rotaryScaling: .llama3(.init(factor: 8)),
      tiesEmbeddings: true)
    let folders = try [1, 4, 100].map { shards in
      try initializeModelFolder(
        scratch["m\(shards)"], configuration, dtype: .float32, seed: 9, shardCount: shards)
      let folder = try ModelFolder(path: scratch["m\(shards)"])
      #expect(folder.configuration.decoder == configuration)
      try folder.check(against: configuration)
      return folder
    }
    #expect(folders.map(\.files.count) == [1, 4, configuration.specification.all.count])
    for parameter in configuration.specification.all {
      let values = try folders.map { try $0.whole(parameter) }
      #expect(values[1].isEqual(to: values[0]) && values[2].isEqual(to: values[0]))
      if parameter.kind == .norm {
        #expect(values[0].isEqual(to: Tensor.ones(parameter.shape)))
      } else {
        let deviation = (values[0].squaredNorm() / Double(parameter.count)).sqrt().item
        #expect(abs(deviation - 0.02) < 0.002, "\(parameter.name)")
      }
    }
  }
}
