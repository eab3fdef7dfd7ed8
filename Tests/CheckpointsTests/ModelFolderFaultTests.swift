// Model folders that do not fit or are broken: an error that names the file, the tensor and what to
// change, before any weight is read.
import Essentials
import Foundation
import Layers
import Tensors
import TestSupport
import Testing
import WeightFiles

@testable import Checkpoints

@Suite struct ModelFolderFaultTests {
  /// The tiny model's tensors after `change`, in a folder of their own.
  static func folder(
    in scratch: Scratch, _ config: [String: JSON] = [:],
    change: (inout [(name: String, tensor: Tensor)]) -> Void
  ) throws -> ModelFolder {
    let path = try nanoCopy(in: scratch, "model", config)
    let file = try SafetensorsFile(path: fixture("nano/model.safetensors"))
    var tensors = try file.names.map { (name: $0, tensor: try file.tensor(named: $0)) }
    change(&tensors)
    let writer = try SafetensorsWriter(
      to: path + "/model.safetensors",
      tensors.map { .init($0.name, $0.tensor.dtype, $0.tensor.shape) })
    for (name, tensor) in tensors { try writer.write(tensor, to: name) }
    try writer.finish()
    return try ModelFolder(path: path)
  }

  @Test(arguments: ["model.safetensors.index.json", "pytorch_model.bin"])
  func severalSetsOfWeights(other: String) throws {
    let scratch = try Scratch()
    let folder = try Self.folder(in: scratch) { _ in }
    try Data("{}".utf8).write(to: URL(fileURLWithPath: folder.path + "/" + other))
    let error = try #require(thrown { _ = try ModelFolder(path: folder.path) })
    #expect(error.code == .checkpointMismatch && error.location.file == folder.path)
    #expect(error.message.contains("model.safetensors, \(other)"))
    // Named, they are no riddle.
    _ = try ModelFolder(path: folder.path, files: ["model.safetensors"])
  }

  @Test func aMissingTensor() throws {
    let scratch = try Scratch()
    let folder = try Self.folder(in: scratch) { tensors in
      tensors.removeAll { $0.name == "model.layers.1.mlp.up_proj.weight" }
    }
    let error = try #require(thrown { try folder.check(against: folder.configuration.decoder) })
    #expect(error.code == .checkpointMismatch)
    #expect(error.message.contains("'model.layers.1.mlp.up_proj.weight' of shape [256, 128]"))
    #expect(error.location.file == scratch["model/model.safetensors"])
    let parameter = folder.configuration.decoder.specification.blocks[1].up.weight
    #expect(thrown { _ = try folder.whole(parameter) }?.code == .checkpointMismatch)
  }

  /// One of two shards is named, with an index beside them and without.
  @Test func aShardThatIsNotNamed() throws {
    let scratch = try Scratch()
    let path = try nanoCopy(in: scratch, "model", [:])
    let whole = try SafetensorsFile(path: fixture("nano/model.safetensors"))
    let shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    var owners = JSONObject()
    for (shard, names) in zip(shards, [whole.names.prefix(6), whole.names.dropFirst(6)]) {
      let tensors = try names.map { ($0, try whole.tensor(named: $0)) }
      let writer = try SafetensorsWriter(
        to: path + "/" + shard, tensors.map { .init($0.0, $0.1.dtype, $0.1.shape) })
      for (name, tensor) in tensors {
        try writer.write(tensor, to: name)
        owners[name] = .string(shard)
      }
      try writer.finish()
    }
    let folder = try ModelFolder(path: path, files: [shards[0]])
    let unindexed = try #require(thrown { try folder.check(against: folder.configuration.decoder) })
    #expect(unindexed.message.contains("only 1 of its 2 files are named"), "\(unindexed)")
    try JSON.object(["weight_map": .object(owners)]).text()
      .write(toFile: path + "/model.safetensors.index.json", atomically: true, encoding: .utf8)
    let error = try #require(thrown { try folder.check(against: folder.configuration.decoder) })
    #expect(error.message.contains("is in \(shards[1])"), "\(error)")
    #expect(error.remedy?.contains("`weightFiles`") == true)
  }

  @Test func aMissingHead() throws {
    let scratch = try Scratch()
    let drop: (inout [(name: String, tensor: Tensor)]) -> Void = { tensors in
      tensors.removeAll { $0.name == "lm_head.weight" }
    }
    let untied = try Self.folder(in: scratch, change: drop)
    let error = try #require(thrown { try untied.check(against: untied.configuration.decoder) })
    #expect(error.remedy?.contains("tie_word_embeddings") == true)
    let tied = try Self.folder(in: Scratch(), ["tie_word_embeddings": true], change: drop)
    try tied.check(against: tied.configuration.decoder)
  }

  @Test func aTensorOfTheWrongShape() throws {
    let scratch = try Scratch()
    let folder = try Self.folder(in: scratch) { tensors in
      tensors[4].tensor = Tensor.ones([255, 128])
    }
    let error = try #require(thrown { try folder.check(against: folder.configuration.decoder) })
    #expect(error.code == .checkpointMismatch)
    #expect(
      error.message == "tensor 'model.layers.0.mlp.gate_proj.weight' has the shape [255, 128], "
        + "the model needs [256, 128]")
    let parameter = folder.configuration.decoder.specification.blocks[0].gate.weight
    #expect(thrown { _ = try folder.rows(parameter, 0..<2) }?.code == .checkpointMismatch)
  }

  @Test func aTensorOfIntegers() throws {
    let scratch = try Scratch()
    let folder = try Self.folder(in: scratch) { tensors in
      tensors[4].tensor = Tensor.ones([256, 128], .int64)
    }
    let error = thrown { try folder.check(against: folder.configuration.decoder) }
    #expect(error?.code == .checkpointMismatch && error?.message.contains("I64") == true)
  }

  @Test func aModelOfOtherSizesNamesTheKeys() throws {
    let folder = try nanoFolder()
    var decoder = folder.configuration.decoder
    decoder.layerCount = 3
    decoder.hiddenWidth = 300
    let error = try #require(thrown { try folder.check(against: decoder) })
    #expect(error.remedy?.contains("num_hidden_layers is 2 in config.json and 3 in the") == true)
    #expect(error.remedy?.contains("intermediate_size is 256") == true)
  }

  @Test func tensorsOfNoUseAreListed() throws {
    let bias = "model.layers.0.self_attn.q_proj.bias"
    let folder = try Self.folder(in: Scratch()) { tensors in
      tensors.append(("model.layers.0.self_attn.rotary_emb.inv_freq", Tensor.ones([16])))
      tensors.append((bias, Tensor.ones([128])))
    }
    let decoder = folder.configuration.decoder
    try folder.check(against: decoder)
    #expect(folder.unexpectedNames(for: decoder) == [bias])
    #expect(
      folder.harmlessNames(for: decoder) == ["model.layers.0.self_attn.rotary_emb.inv_freq"])
    let error = try #require(thrown { try folder.refuseUnexpectedTensors(for: decoder) })
    #expect(error.code == .checkpointMismatch && error.location.file == folder.path)
    #expect(error.message.hasSuffix("a tensor that the model does not have: '\(bias)'"))
    var smaller = decoder
    smaller.layerCount = 1
    #expect(folder.unexpectedNames(for: smaller).count == 10)
    #expect(
      thrown { try folder.refuseUnexpectedTensors(for: smaller) }?.message.contains(
        "10 tensors that the model does not have: '") == true)
  }

  /// A head beside the embedding that it is tied to, and what an untied model needs.
  @Test func aTiedHeadStoredTwice() throws {
    let tied = try Self.folder(in: Scratch(), ["tie_word_embeddings": true]) { _ in }
    try tied.check(against: tied.configuration.decoder)
    try tied.refuseUnexpectedTensors(for: tied.configuration.decoder)
    #expect(tied.harmlessNames(for: tied.configuration.decoder) == ["lm_head.weight"])
    let untied = try Self.folder(in: Scratch()) { _ in }
    #expect(untied.harmlessNames(for: untied.configuration.decoder).isEmpty)
  }

  @Test func filesThatAreNotThere() throws {
    let scratch = try Scratch()
    #expect(thrown { _ = try ModelFolder(path: scratch["none"]) }?.code == .missingFile)
    let path = try nanoCopy(in: scratch)
    let error = thrown {
      _ = try ModelFolder(path: path, files: ["model.safetensors", "more.safetensors"])
    }
    #expect(error?.code == .missingFile && error?.location.file == path + "/more.safetensors")
    for name in ["../model.safetensors", "", "..", "a/b.safetensors"] {
      #expect(thrown { _ = try ModelFolder(path: path, files: [name]) }?.code == .malformedFile)
    }
    #expect(
      thrown { _ = try ModelFolder(path: path, files: ["config.json"]) }?.code == .unsupported)
    unlink(path + "/model.safetensors")
    let nothing = thrown { _ = try ModelFolder(path: path) }
    #expect(nothing?.message.contains("neither") == true)
    unlink(path + "/config.json")
    #expect(
      thrown { _ = try ModelFolder(path: path) }?.location.file == path + "/config.json")
  }

  @Test func theSameTensorInTwoFiles() throws {
    let scratch = try Scratch()
    let path = try nanoCopy(in: scratch)
    try FileManager.default.copyItem(
      atPath: path + "/model.safetensors", toPath: path + "/copy.safetensors")
    let error = thrown {
      _ = try ModelFolder(path: path, files: ["model.safetensors", "copy.safetensors"])
    }
    #expect(error?.code == .malformedFile && error?.message.contains("lm_head.weight") == true)
  }

  @Test(arguments: [
    #"{}"#, #"[]"#, #"{"weight_map": 3}"#, #"{"weight_map": {"a": 1}}"#,
    #"{"weight_map": {"a": "../../etc/passwd"}}"#, #"{"weight_map": {"a": "b.safetensors"}}"#,
    #"{"weight_map": {"a": "shard.safetensors"}}"#, #"{"weight_map""#,
  ]) func aBrokenIndex(text: String) throws {
    let scratch = try Scratch()
    let path = try nanoCopy(in: scratch)
    rename(path + "/model.safetensors", path + "/shard.safetensors")
    _ = try scratch.write(Array(text.utf8), "model/model.safetensors.index.json")
    let error = try #require(thrown { _ = try ModelFolder(path: path) })
    #expect([.malformedFile, .missingFile, .checkpointMismatch].contains(error.code))
  }

  @Test func anIndexThatLeavesATensorOut() throws {
    let scratch = try Scratch()
    let path = try nanoCopy(in: scratch)
    let names = try SafetensorsFile(path: path + "/model.safetensors").names
    rename(path + "/model.safetensors", path + "/shard.safetensors")
    let entries = names.filter { $0 != "model.norm.weight" }.map {
      "\"\($0)\": \"shard.safetensors\""
    }
    let text = "{\"weight_map\": {\(entries.joined(separator: ", "))}}"
    _ = try scratch.write(Array(text.utf8), "model/model.safetensors.index.json")
    let folder = try ModelFolder(path: path)
    let error = thrown { try folder.check(against: folder.configuration.decoder) }
    #expect(error?.message.contains("does not list tensor 'model.norm.weight'") == true)
  }
}

/// Links in model folders, which may be anyone's.
@Suite struct ModelFolderLinkTests {
  @Test func aBrokenLinkIsNotTakenForNoFile() throws {
    let scratch = try Scratch()
    try FileManager.default.createDirectory(
      atPath: scratch["model"], withIntermediateDirectories: true)
    let decoder = try ModelConfigurationFile(path: fixture("nano/config.json")).decoder
    for name in ["config.json", "model.safetensors"] {
      try FileManager.default.createSymbolicLink(
        atPath: scratch["model/" + name], withDestinationPath: "../blobs/nothing")
      let error = #expect(throws: TuneError.self) {
        _ = try ModelFolder(path: scratch["model"], decoder: decoder)
      }
      #expect(error?.location.file == scratch["model/" + name])
      try FileManager.default.removeItem(atPath: scratch["model/" + name])
      try FileManager.default.copyItem(
        atPath: fixture("nano/" + name), toPath: scratch["model/" + name])
    }
    _ = try ModelFolder(path: scratch["model"], decoder: decoder)
  }

  @Test func onlyTheFoldersOwnFilesAreCopied() throws {
    let scratch = try Scratch()
    let files = FileManager.default
    for folder in ["hub/snapshots/0123", "hub/blobs"] {
      try files.createDirectory(atPath: scratch[folder], withIntermediateDirectories: true)
    }
    try Data("{}".utf8).write(to: URL(fileURLWithPath: scratch["hub/blobs/a"]))
    try Data("secret".utf8).write(to: URL(fileURLWithPath: scratch["private"]))
    #expect(chmod(scratch["hub/blobs/a"], 0o640) == 0)
    let snapshot = scratch["hub/snapshots/0123"]
    for name in ["config.json", "model.safetensors"] {
      try files.copyItem(atPath: fixture("nano/" + name), toPath: snapshot + "/" + name)
    }
    let links = [
      "tokenizer.json": "../../blobs/a", "vocab.json": "../../../private",
      "merges.txt": scratch["private"], "added_tokens.json": "nothing",
    ]
    for (name, target) in links {
      try files.createSymbolicLink(
        atPath: snapshot + "/" + name, withDestinationPath: target)
    }
    let source = try ModelFolder(path: snapshot)
    let writer = try ModelFolderWriter(to: scratch["new"], like: source, dtype: .float32)
    for parameter in writer.specifications {
      try writer.write(try source.whole(parameter), for: parameter)
    }
    try writer.finish()
    #expect(
      try Set(files.contentsOfDirectory(atPath: scratch["new"]))
        == ["config.json", "model.safetensors", "tokenizer.json"])
    let attributes = try files.attributesOfItem(atPath: scratch["new/tokenizer.json"])
    #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o640)
    let remark = try #require(source.remarkOnLinks)
    #expect(
      remark.contains("added_tokens.json, vocab.json, merges.txt")
        && !remark.contains("tokenizer.json"), "\(remark)")
  }
}
