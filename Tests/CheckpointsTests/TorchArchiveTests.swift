// Torch archives of real torch, read without being executed: the same tensors as the safetensors
// file that they were made beside, in every naming and cut; and hostile ones refused.
import Essentials
import Foundation
import Layers
import Tensors
import TestSupport
import Testing

@testable import Checkpoints
@testable import WeightFiles

private func archive(_ name: String) throws -> String { try fixture("torch/" + name) }
private func truth() throws -> ModelFolder { try ModelFolder(path: archive("truth")) }

@Suite struct TorchArchiveTests {
  static let forms: [(String, [String]?, CheckpointNaming)] = [
    ("bin", nil, .huggingFace),
    (
      "bin", ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"], .huggingFace
    ),
    ("tune", ["model.pt"], .torchtune),
    ("meta1", ["consolidated.00.pth"], .meta),
    ("meta", ["consolidated.00.pth", "consolidated.01.pth"], .meta),
  ]

  private static func open(_ form: Int) throws -> (folder: ModelFolder, truth: ModelFolder) {
    let (name, files, naming) = forms[form]
    let truth = try truth()
    let folder = try ModelFolder(
      path: archive(name), files: files, naming: naming, decoder: truth.configuration.decoder)
    return (folder, truth)
  }

  @Test(arguments: forms.indices) func holdsTheSameWeights(form: Int) throws {
    let (folder, truth) = try Self.open(form)
    let decoder = truth.configuration.decoder
    try folder.check(against: decoder)
    #expect(folder.dtype == .bfloat16)
    #expect(folder.unexpectedNames(for: decoder).allSatisfy { $0 == "rope.freqs" })
    for parameter in decoder.specification.all {
      let expected = try truth.whole(parameter)
      #expect(try folder.whole(parameter).isEqual(to: expected), "\(parameter.name)")
      for rows in [0..<1, 1..<3, 0..<0, 3..<parameter.shape[0]] {
        let part = expected.narrow(0, from: rows.lowerBound, count: rows.count)
        #expect(try folder.rows(parameter, rows).isEqual(to: part), "\(parameter.name) \(rows)")
      }
    }
  }

  /// Out as torch writes it and in again; safetensors out of any form.
  @Test(arguments: forms.indices) func isWrittenInItsOwnForm(form: Int) throws {
    let (folder, truth) = try Self.open(form)
    let scratch = try Scratch()
    for format in [WeightFormat.torch, .safetensors] {
      let writer = try ModelFolderWriter(
        to: scratch["out"], like: folder, dtype: .bfloat16, as: format)
      for parameter in writer.specifications.reversed() {
        try writer.write(truth.whole(parameter), for: parameter)
      }
      try writer.finish()
      let names = try FileManager.default.contentsOfDirectory(atPath: scratch["out"]).sorted()
      let naming = format == .torch ? folder.naming : .huggingFace
      let isOne = format == .torch && naming != .huggingFace
      if isOne { #expect(names == ["config.json", "model-00001-of-00001.bin"]) }
      let again = try ModelFolder(
        path: scratch["out"], files: isOne ? ["model-00001-of-00001.bin"] : nil, naming: naming)
      for parameter in truth.configuration.decoder.specification.all {
        #expect(try again.whole(parameter).isEqual(to: truth.whole(parameter)), "\(parameter.name)")
      }
      let copies = try again.files.map { try bytes(of: $0.path) }
      #expect(again.files.map(\.byteCount) == copies.map(\.count))
    }
  }

  static let refusals: [(String, TuneError.Code, String)] = [
    ("call.bin", .unsupported, "'posix.system'"),
    ("module.bin", .unsupported, "'torch.nn.modules.linear.Linear'"),
    ("old.bin", .unsupported, "torch before 1.6"),
    ("plain.bin", .unsupported, "a bare pickle"),
    ("state.bin", .unsupported, "'model' in the archive is no tensor"),
    ("tensor.bin", .malformedFile, "no dictionary of tensors"),
    ("bomb.bin", .malformedFile, "does not lie within its storage"),
  ]
  @Test(arguments: refusals.indices) func refuses(which: Int) throws {
    let (name, code, says) = Self.refusals[which]
    let path = try archive("hostile/" + name)
    let error = try #require(thrown { _ = try TorchArchive(path: path) })
    #expect(error.code == code)
    #expect(error.message.contains(says), "\(error.message)")
    #expect(error.location.file == path && error.remedy != nil)
  }

  /// Whatever the bytes: refused, or tensors that lie within the file.
  @Test func survivesMutations() throws {
    let scratch = try Scratch()
    let seeds = try [
      bytes(of: archive("bin/pytorch_model-00001-of-00002.bin")),
      bytes(of: archive("hostile/bomb.bin")), bytes(of: archive("hostile/state.bin")),
      Self.small(scratch),
    ]
    var random = MersenneTwister(seed: 9)
    func below(_ limit: Int) -> Int { Int(random.next32()) % limit }
    var accepted = 0
    for round in 0..<1200 {
      var bytes = seeds[round % seeds.count]
      // Mostly in the pickle, at the start, and in the directory, at the end.
      let edge = min(bytes.count, 1200)
      for _ in 0...below(3) {
        let place = below(3) == 0 ? bytes.count - 1 - below(edge) : below(edge)
        switch below(4) {
        case 0: bytes[place] = UInt8(truncatingIfNeeded: below(256))
        case 1: bytes[place] = Array("(.NJKMXQRhqtsu})]ebc".utf8)[below(20)]
        case 2: bytes[place] ^= 1 << below(8)
        default: bytes.replaceSubrange(place..<place, with: [0xFF])
        }
      }
      let path = try scratch.write(bytes, "mutated.bin")
      do {
        let archive = try TorchArchive(path: path)
        accepted += 1
        for name in archive.names {
          let tensor = try archive.tensor(named: name)
          #expect(tensor.byteCount <= bytes.count)
          _ = tensor.to(.float32).isFinite().allTrue()
        }
      } catch {
        #expect(error is TuneError)
      }
    }
    #expect(accepted > 40 && accepted < 1160)
  }

  private static func small(_ scratch: Scratch) throws -> [UInt8] {
    let writer = try TorchArchiveWriter(
      to: scratch["small.bin"], [.init("a", .float32, [2, 3]), .init("b", .int64, [])],
      aliases: ["c": "a"])
    try writer.write(.full([], 4, .int64), to: "b")
    try writer.write(.arange(6).reshape(2, 3), to: "a")
    try writer.finish()
    return try bytes(of: scratch["small.bin"])
  }

  /// A dimension of one element has no second one, whatever its stride.
  @Test func stridesAndShapesDoNotOverflow() throws {
    let file = try TorchArchive(path: archive("claims-stride.bin"))
    let evens = (0..<32).map { Float(2 * $0) }
    #expect(try file.tensor(named: "a").floats == evens)
    #expect(try file.rows(3..<5, of: "a").floats == [6, 8])
    for name in ["claims-rows.bin", "claims-columns.bin"] {
      let error = thrown { _ = try TorchArchive(path: archive(name)) }
      #expect(error?.message.contains("is too large") == true, "\(name)")
    }
  }

  @Test func aliasesShareTheirNumbers() throws {
    let scratch = try Scratch()
    let count = try Self.small(scratch).count
    let archive = try TorchArchive(path: scratch["small.bin"])
    #expect(archive.names == ["a", "b", "c"] && archive.byteCount == count)
    #expect(try archive.tensor(named: "c").isEqual(to: Tensor.arange(6).reshape(2, 3)))
    #expect(try archive.tensor(named: "b").itemInt == 4)
  }

  @Test func shardsOfDifferentModelsAreRefused() throws {
    let scratch = try Scratch()
    for (name, from) in [("consolidated.00.pth", "meta"), ("consolidated.01.pth", "meta1")] {
      let file = from == "meta" ? name : "consolidated.00.pth"
      try FileManager.default.copyItem(atPath: archive(from + "/" + file), toPath: scratch[name])
    }
    let decoder = try truth().configuration.decoder
    let error = try #require(
      thrown {
        _ = try ModelFolder(
          path: scratch.path, files: ["consolidated.00.pth", "consolidated.01.pth"],
          naming: .meta, decoder: decoder)
      })
    #expect(error.code == .checkpointMismatch)
  }

  /// What Meta's folders say of their models must be what the configuration says.
  @Test func paramsOfAnotherModelAreRefused() throws {
    let scratch = try Scratch()
    let name = "consolidated.00.pth"
    try FileManager.default.copyItem(atPath: archive("meta1/" + name), toPath: scratch[name])
    let decoder = try truth().configuration.decoder
    func open(_ parameters: String) throws {
      _ = try scratch.write(Array(parameters.utf8), "params.json")
      _ = try ModelFolder(
        path: scratch.path, files: [name], naming: .meta, decoder: decoder)
    }
    try open(
      #"{"dim": 16, "n_layers": 2, "n_heads": 4, "n_kv_heads": 2, "norm_eps": 1e-05, "#
        + #""rope_theta": 500000.0, "vocab_size": -1, "use_scaled_rope": false}"#)
    for wrong in [#"{"dim": 32}"#, #"{"use_scaled_rope": true}"#, #"{"rope_theta": 10000.0}"#] {
      #expect(thrown { try open(wrong) }?.code == .checkpointMismatch, "\(wrong)")
    }
    #expect(thrown { try open("[]") }?.code == .malformedFile)
  }

  /// Small files that would be large in memory: a storage shorter than it says, one instruction often.
  @Test func bombsAreRefused() throws {
    for (pickle, says) in [
      (Array(repeating: UInt8(ascii: "N"), count: 3 << 20), "too many values"),
      (Array(")".utf8) + Array(repeating: 0x85, count: 3 << 20), "too many values"),
      (Array(repeating: UInt8(ascii: "N"), count: 5 << 20), "at most"),
      ([0x8C, 200, 1], "not UTF-8"), (Array("].".utf8), "no dictionary"), ([], "no end"),
      (Array("}(e.".utf8), "no list"), (Array("tR.".utf8), "no mark"),
    ] as [([UInt8], String)] {
      let error = pickle.withUnsafeBytes { bytes in
        thrown {
          var machine = try PickleMachine(bytes, path: "f")
          guard case .map = try machine.run() else {
            throw machine.failure("it holds no dictionary of tensors")
          }
        }
      }
      #expect(error?.code == .malformedFile)
      #expect(error?.message.contains(says) == true, "\(error?.message ?? "none")")
    }
  }
}
