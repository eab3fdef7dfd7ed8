// The verifier finds what was changed in an artifact: one bit of a code or scale, one token, a missing tensor.
import Checkpoints
import Essentials
import Exports
import Foundation
import GGUF
import TestSupport
import Testing

@Suite struct VerificationTests {
  /// Formats that hold a quantized head, as today's schemes have one.
  @Test(arguments: [ExportFormatName.gguf, .mlx])
  func everyBitOfALayerCounts(_ format: ExportFormatName) throws {
    let model = try SmallModel(tied: false)
    let place = try model.export(format)
    #expect(try model.compare(place).isSame)
    let file = format == .gguf ? place : place + "/model.safetensors"
    let sound = try Data(contentsOf: URL(fileURLWithPath: file))
    // Of the last tensor, the head: the first block's scale and codes.
    let start: Int
    if format == .gguf {
      // Factors of rotary frequencies follow it, at a multiple of 32.
      start = sound.count - (324 * 36 + 16) - 32
    } else {
      start = sound.count - 324 * 2 * 2 * 2 - 324 * 32
    }
    for (offset, what) in format == .gguf
      ? [(0, "scales"), (2, "codes"), (17, "codes")]
      : [(0, "codes"), (324 * 32, "scales"), (324 * 32 + 324 * 4, "scales")]
    {
      var data = sound
      data[start + offset] ^= 1
      try data.write(to: URL(fileURLWithPath: file))
      let comparison = try model.compare(place)
      let rows = Dictionary(uniqueKeysWithValues: comparison.rows.map { ($0.what, $0) })
      #expect(rows[what]?.different == 1, "\(what) \(offset): \(comparison.table)")
      #expect(comparison.rows.reduce(0) { $0 + $1.different } == 1)
    }
  }

  @Test func oneTokenCounts() throws {
    let model = try SmallModel()
    let place = try model.export(.gguf)
    var data = try Data(contentsOf: URL(fileURLWithPath: place))
    // In the header the first text "fox" is a token's.
    let found = try #require(
      data.range(of: Data("brown".utf8)) ?? data.range(of: Data("ing".utf8))
        ?? data.range(of: Data("he".utf8)))
    data[found.lowerBound] ^= 1
    try data.write(to: URL(fileURLWithPath: place))
    #expect(try !model.compare(place).isSame)
  }

  /// A key of the model: its last logits are bounded by another number.
  @Test func oneKeyOfTheModelCounts() throws {
    let model = try SmallModel(.gemma2)
    let place = try model.export(.gguf)
    #expect(try model.compare(place).isSame)
    var data = try Data(contentsOf: URL(fileURLWithPath: place))
    let key = try #require(data.range(of: Data("gemma2.final_logit_softcapping".utf8)))
    // After the key its kind, then the number 30.
    data.replaceSubrange(
      key.upperBound + 4..<key.upperBound + 8, with: withUnsafeBytes(of: Float(31)) { Data($0) })
    try data.write(to: URL(fileURLWithPath: place))
    let comparison = try model.compare(place)
    let row = try #require(comparison.rows.first { $0.what == "keys of the model" })
    #expect(row.different == 1 && row.examples == ["the cap of logits differs"])
  }

  @Test func aMissingTensorCounts() throws {
    let model = try SmallModel(tied: false)
    let place = try model.export(.mlx)
    let file = place + "/model.safetensors"
    var data = try Data(contentsOf: URL(fileURLWithPath: file))
    let name = Data("model.layers.1.mlp.up_proj.scales".utf8)
    let range = try #require(data.range(of: name))
    data.replaceSubrange(range, with: Data("model.layers.1.mlp.up_proj.scalez".utf8))
    try data.write(to: URL(fileURLWithPath: file))
    let comparison = try model.compare(place)
    let tensors = try #require(comparison.rows.first { $0.what == "tensors" })
    #expect(tensors.different == 2)
    #expect(tensors.examples[0] == "'model.layers.1.mlp.up_proj.scales' is missing")
    #expect(tensors.examples[1] == "'model.layers.1.mlp.up_proj.scalez' is none of the model's")
  }

  @Test func otherFilesAreNoArtifacts() throws {
    let model = try SmallModel()
    let text = model.folder + "/text"
    try "GGUF but no more".write(toFile: text, atomically: true, encoding: .utf8)
    #expect(tuneError { _ = try model.compare(text) }?.code != nil)
    let own = tuneError { _ = try model.compare(model.quantized) }
    #expect(own?.code == .unsupported && own?.message.contains("swift-tune") == true)
    #expect(tuneError { _ = try model.compare(model.folder + "/none") }?.code == .missingFile)
    let plain = tuneError { _ = try ExportModel(ModelFolder(path: model.plain)) }
    #expect(plain?.message == "the model is not quantized")
  }
}
