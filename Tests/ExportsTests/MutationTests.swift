// Broken artifacts are answered with an error or a difference, never with a crash.
import Essentials
import Exports
import Foundation
import Quantization
import TestSupport
import Testing

@Suite struct ArtifactMutationTests {
  @Test(arguments: [ExportFormatName.gguf, .mlx, .compressedTensors, .torchao, .gptq])
  func brokenArtifactsAreAnswered(_ format: ExportFormatName) throws {
    let model = try SmallModel(.qwen3, plan: QuantizationPreset.w4a16.plan())
    let place = try model.export(format)
    let file = format == .gguf ? place : place + "/model.safetensors"
    let sound = Array(try Data(contentsOf: URL(fileURLWithPath: file)))
    // Nearly all of the header; a mutation of the weights is a difference, which others test.
    let head = min(sound.count, 12_000)
    var random = MersenneTwister(seed: 11)
    var (errors, differences) = (0, 0)
    for _ in 0..<40 {
      let broken = mutate(Array(sound[..<head]), &random) + sound[head...]
      try Data(broken).write(to: URL(fileURLWithPath: file))
      do {
        if try !model.compare(place).isSame { differences += 1 }
        if format != .gguf { try ArtifactImport(place).write(to: model.folder + "/imported") }
      } catch is TuneError {
        errors += 1
      }
      try? FileManager.default.removeItem(atPath: model.folder + "/imported")
    }
    #expect(errors + differences > 20 && errors > 0, "\(errors) errors, \(differences) differences")
  }

  /// What config.json claims is checked as well.
  @Test(arguments: [ExportFormatName.mlx, .compressedTensors, .gptq])
  func brokenConfigurationsAreAnswered(_ format: ExportFormatName) throws {
    let model = try SmallModel(.qwen3, plan: QuantizationPreset.w4a16.plan())
    let place = try model.export(format)
    let file = place + "/config.json"
    let sound = Array(try Data(contentsOf: URL(fileURLWithPath: file)))
    var random = MersenneTwister(seed: 12)
    var answered = 0
    for _ in 0..<40 {
      try Data(mutate(sound, &random)).write(to: URL(fileURLWithPath: file))
      do {
        if try !model.compare(place).isSame { answered += 1 }
        _ = try ArtifactImport(place)
      } catch is TuneError {
        answered += 1
      }
    }
    #expect(answered > 20)
  }
}
