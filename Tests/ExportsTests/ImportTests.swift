// Exported folders as float folders: codes times scales, bit for bit, in the order of Hugging Face's rows; and what
// codes and scales alone cannot say is refused.
import Checkpoints
import Essentials
import Exports
import Foundation
import Layers
import Quantization
import Tensors
import TestSupport
import Testing

@Suite struct ArtifactImportTests {
  @Test(arguments: [ExportFormatName.mlx, .compressedTensors, .torchao, .gptq])
  func weightsAreCodesTimesScales(_ format: ExportFormatName) throws {
    let model = try SmallModel(tied: false, plan: QuantizationPreset.w4a16.plan())
    let place = try model.export(format)
    let imported = model.folder + "/imported"
    try ArtifactImport(place).write(to: imported)
    let (read, own) = (try ModelFolder(path: imported), try ModelFolder(path: model.quantized))
    #expect(read.quantization == nil && read.dtype == .float32)
    for parameter in model.configuration.specification.all {
      let expected = try own.quantized(parameter)?.dequantize(.float32) ?? own.whole(parameter)
      #expect(
        try read.whole(parameter).isEqual(to: expected.to(.float32)), "\(parameter.name)")
    }
    #expect(FileManager.default.fileExists(atPath: imported + "/tokenizer.json"))
  }

  @Test func asymmetricWeightsAreRefused() throws {
    let model = try SmallModel(tied: false, plan: QuantizationPreset.w4a16.plan())
    let place = try model.export(.gptq)
    let file = place + "/model.safetensors"
    var data = try Data(contentsOf: URL(fileURLWithPath: file))
    let zeros = Data(repeating: 0x77, count: 64)
    let range = try #require(data.range(of: zeros))
    data[range.lowerBound] = 0x76
    try data.write(to: URL(fileURLWithPath: file))
    let error = tuneError { _ = try ArtifactImport(place) }
    #expect(error?.code == .unsupported && error?.message.contains("qzeros") == true)
    let own = tuneError { _ = try ArtifactImport(model.quantized) }
    #expect(own?.message.contains("swift-tune") == true)
  }
}
