// Every architecture through the folders that are written of it: saved, quantized, and continued with the cache of
// keys and values.
import Checkpoints
import Foundation
import Layers
import Quantization
import Tensors
import Testing
import WeightFiles

@testable import Inference

@Suite struct ArchitectureFlowTests {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("CheckpointsTests/Fixtures/architectures")
  static let all: [String] =
    ((try? FileManager.default.contentsOfDirectory(atPath: root.path)) ?? [])
    .filter { !$0.hasSuffix(".md") }.sorted()

  private func folder(_ name: String) throws -> ModelFolder {
    try ModelFolder(
      path: Self.root.appendingPathComponent(name).path, files: ["model.safetensors"])
  }
  private func model(_ folder: ModelFolder, scheme: QuantizationScheme? = nil) throws
    -> InferenceModel
  {
    try InferenceModel(
      loading: folder, folder.configuration.decoder, dtype: .float32, on: .cpu, scheme: scheme)
  }
  private func tokens(_ folder: ModelFolder) throws -> Tensor {
    try SafetensorsFile(path: folder.path + "/golden.safetensors").tensor(named: "tokens")
  }
  private func withScratch(_ body: (String) throws -> Void) throws {
    let path = NSTemporaryDirectory() + "architecture-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
  }

  /// The tensors of transformers' file come out as they went in, under the same names.
  @Test(arguments: all) func foldersAreWrittenAsTheyWereRead(name: String) throws {
    let source = try folder(name)
    try withScratch { path in
      let writer = try ModelFolderWriter(to: path, like: source, dtype: .float32)
      for parameter in writer.specifications {
        try writer.write(try source.whole(parameter), for: parameter)
      }
      try writer.finish()
      let before = try SafetensorsFile(path: source.path + "/model.safetensors")
      let after = try SafetensorsFile(path: path + "/model.safetensors")
      #expect(before.names.sorted() == after.names.sorted())
      for name in before.names {
        #expect(try after.tensor(named: name).isEqual(to: try before.tensor(named: name)))
      }
      #expect(try ModelFolder(path: path).configuration.decoder == source.configuration.decoder)
    }
  }

  /// What is written quantized computes what rounding on loading does, to the bit.
  @Test(arguments: all) func quantizedFoldersComputeWhatRoundingDoes(name: String) throws {
    let source = try folder(name)
    let scheme = QuantizationScheme(groupSize: 32)
    let tokens = try tokens(source)
    try withScratch { path in
      let work = FolderQuantization(
        source, source.configuration.decoder, scheme: scheme, dtype: .float32, on: .cpu)
      try work.check()
      _ = try work.write(to: path) { _, _, _ in }
      let written = try ModelFolder(path: path)
      try written.check(against: source.configuration.decoder)
      try written.refuseUnexpectedTensors(for: source.configuration.decoder)
      let stored = try withGraph(false) { try model(written).logits(tokens) }
      let rounded = try withGraph(false) { try model(source, scheme: scheme).logits(tokens) }
      let exact = try withGraph(false) { try model(source).logits(tokens) }
      #expect(stored.isEqual(to: rounded))
      #expect(stored.largestDifference(from: exact) > 1e-3)
    }
  }

  /// In pieces through the cache: a prompt, more of it, then a token at a time. Where frequencies depend on
  /// the length, cached keys keep the ones that they were made with, as in transformers.
  @Test(arguments: all.filter { !$0.contains("dynamic") && $0 != "phi4_mini_long" })
  func theCacheGivesTheSameLogits(name: String) throws {
    let source = try folder(name)
    let model = try model(source)
    let ids = try tokens(source).narrow(0, from: 0, count: 1).reshape(-1).int64s.map(Int32.init)
    withGraph(false) {
      let whole = model.logits(Tensor(ids.map(Int64.init), [1, ids.count]))
      let cache = KeyValueCache(
        model.configuration, rows: 1, capacity: ids.count, dtype: .float32, on: .cpu)
      let bound = 2e-6 * max(10, whole.abs().amax().item)
      var start = 0
      for count in [5, 9] + Array(repeating: 1, count: ids.count - 14) {
        let logits = model.logits([Array(ids[start..<start + count])], cache: cache)
        let expected = whole.narrow(1, from: start, count: count)
        #expect(logits.largestDifference(from: expected) <= bound, "tokens from \(start)")
        start += count
      }
    }
  }
}
