// Every scheme with a name in every format: held and read back the same, or refused with what can hold it.
import Checkpoints
import Essentials
import Exports
import Foundation
import Layers
import Quantization
import TestSupport
import Testing

@Suite struct PresetTests {
  /// The formats that hold it.
  private static let holders: [QuantizationPreset: Set<ExportFormatName>] = [
    .gguf4Bit: [.gguf, .mlx], .gguf8Bit: [.gguf, .mlx], .gguf2Bit: [.gguf, .mlx],
    .mlx2bit: [.mlx], .mlx3bit: [.mlx], .mlx4bit: [.mlx], .mlx8bit: [.mlx],
    .w4a16: [.gguf, .mlx, .compressedTensors, .torchao, .gptq],
    .w4a8: [.gguf, .mlx, .compressedTensors, .gptq],
    .int8: [.gguf, .mlx, .compressedTensors, .gptq],
    .int8Dynamic: [.gguf, .mlx, .compressedTensors, .gptq],
    // In a bf16 model its fp32 scales are bf16 numbers.
    .xnnpack: [.gguf, .mlx], .torchtune: [.gguf, .mlx], .tinygemm: [], .nvfp4: [], .mxfp4: [],
    .fp8: [],
  ]

  @Test(arguments: QuantizationPreset.allCases)
  func eachFormatHoldsOrRefusesIt(_ preset: QuantizationPreset) throws {
    let expected = try #require(Self.holders[preset])
    if expected.isEmpty { return try refused(preset) }
    // A row is a group of MLX's where it has 64 weights.
    let group = preset.groupSizes.contains(64) ? 64 : preset.groupSizes.first
    let model = try SmallModel(.qwen3, plan: preset.plan(groupSize: group)) {
      ($0.hiddenWidth, $0.headWidth) = (128, 16)
      $0.rotary.width = 16
    }
    for format in ExportFormatName.allCases {
      let name = "\(preset.rawValue) in \(format.rawValue)"
      let error = tuneError {
        let place = try model.export(format, to: preset.rawValue)
        let comparison = try model.compare(place)
        #expect(comparison.isSame, "\(name): \(comparison.table)")
        #expect(comparison.rows.contains { $0.what == "codes" && $0.compared > 30_000 })
      }
      #expect((error == nil) == expected.contains(format), "\(name): \(error?.description ?? "")")
      guard let error else { continue }
      #expect(error.code == .unsupported && error.message.contains("cannot hold"), "\(name)")
      for other in ExportFormatName.allCases where expected.contains(other) {
        #expect(error.remedy?.contains(other.rawValue) == true, "\(name): \(error)")
      }
    }
  }

  /// By every format, before anything is quantized.
  private func refused(_ preset: QuantizationPreset) throws {
    let model = try SmallModel(.qwen3)
    let work = try ExportModel(ModelFolder(path: model.plain), plan: preset.plan())
    for format in ExportFormatName.allCases {
      let error = tuneError { _ = try Export(work, as: format) }
      #expect(error?.code == .unsupported, "\(preset.rawValue) in \(format.rawValue)")
      #expect(error?.remedy?.hasPrefix("No format holds this scheme exactly") == true)
    }
  }

  /// A plain folder and a scheme give what the quantized folder of that scheme gives.
  @Test func aPlainFolderIsQuantizedOnce() throws {
    let plan = QuantizationPreset.gguf4Bit.plan()
    let model = try SmallModel(.qwen3, plan: plan)
    let place = try model.export(.gguf)
    let direct = model.folder + "/direct.gguf"
    let plain = try ExportModel(ModelFolder(path: model.plain), plan: plan)
    _ = try Export(plain, as: .gguf).write(to: direct)
    #expect(try model.compare(direct).isSame)
    let tensors = 60_000
    let (first, second) = (
      try Data(contentsOf: URL(fileURLWithPath: place)),
      try Data(contentsOf: URL(fileURLWithPath: direct))
    )
    #expect(first.suffix(tensors) == second.suffix(tensors))
    let twice = tuneError { _ = try ExportModel(ModelFolder(path: model.quantized), plan: plan) }
    #expect(twice?.message.contains("quantized already") == true)
  }
}
