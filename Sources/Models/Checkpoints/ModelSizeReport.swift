// What a stored model takes: codes, scales and the rest, against the same model in its float type.
import Layers
import Quantization
import Tensors

package struct ModelSizeReport: Sendable, Equatable {
  package var codeBytes = 0
  /// What is stored beside the codes, biases and tensor scales too.
  package var scaleBytes = 0
  /// Everything that is not quantized.
  package var plainBytes = 0
  /// All parameters of the model in the float type.
  package var floatBytes: Int
  /// Of the weight files, headers included.
  package var fileBytes: Int
  package var quantizedLayers: [String] = []
  /// Their weights.
  package var quantizedCount = 0
  /// Layers that were to be quantized and whose width the group size does not divide.
  package var skippedLayers: [String] = []

  init(_ decoder: DecoderConfiguration, _ rule: StorageRule, fileBytes: Int) {
    self.fileBytes = fileBytes
    floatBytes = decoder.parameterCount * rule.dtype.byteCount
    skippedLayers = rule.quantization?.skippedLayers(of: decoder).map(\.name) ?? []
    for parameter in ModelFolderWriter.parameters(of: decoder, rule) {
      var alone = parameter
      alone.part = nil
      let sizes = rule.declarations(alone).map(\.byteCount)
      if rule.quantizes(parameter) {
        codeBytes += sizes[0]
        scaleBytes += sizes.dropFirst().reduce(0, +)
        quantizedLayers.append(parameter.name)
        quantizedCount += parameter.count
      } else {
        plainBytes += sizes[0]
      }
    }
  }
}

extension ModelFolder {
  package func sizeReport() -> ModelSizeReport {
    ModelSizeReport(
      configuration.decoder, StorageRule(dtype: dtype, quantization: quantization),
      fileBytes: files.reduce(0) { $0 + $1.byteCount })
  }
}
