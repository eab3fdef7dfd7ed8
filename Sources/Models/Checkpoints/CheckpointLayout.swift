// Which file of a model folder holds which tensors: taken from the checkpoint that was read, so that
// what comes out has the same files as what went in, or made anew.
import Essentials
import Foundation
import Layers
import Quantization
import Tensors

struct CheckpointLayout {
  /// File names and, in each, the parameters in their order.
  var files: [(name: String, parameters: [ParameterSpecification])]

  /// As in `source`. A parameter that it lacks joins its last file; a file left without is dropped.
  /// Names stay where the format does; Meta's and torchtune's own files are one.
  init(
    of parameters: [ParameterSpecification], like source: ModelFolder, as format: WeightFormat
  ) {
    var waiting = Dictionary(grouping: parameters, by: \.storedName)
    files = source.files.map { file in
      let owned = file.names.filter { source.file(of: $0) === file }
      return (
        (file.path as NSString).lastPathComponent,
        owned.flatMap { waiting.removeValue(forKey: $0) ?? [] }
      )
    }
    files.removeAll { $0.parameters.isEmpty }
    let left = parameters.filter { waiting[$0.storedName] != nil }
    if files.isEmpty { files = [(ModelFolder.singleName, [])] }
    files[files.count - 1].parameters += left
    if format == .torch, source.naming != .huggingFace { files = [("", parameters)] }
    let keepsNames =
      format == .safetensors && files.allSatisfy { $0.name.hasSuffix(".safetensors") }
    if !keepsNames { number(format) }
  }

  /// Gives all files names by their numbers.
  private mutating func number(_ format: WeightFormat) {
    for index in files.indices {
      files[index].name = Self.name(index + 1, of: files.count, format)
    }
  }
  private static func name(_ number: Int, of count: Int, _ format: WeightFormat) -> String {
    if format == .safetensors, count == 1 { return ModelFolder.singleName }
    let ending = format == .torch ? "bin" : "safetensors"
    return String(format: "model-%05d-of-%05d.", number, count) + ending
  }

  /// `shardCount` files of about the same size, in the order of the parameters.
  init(of parameters: [ParameterSpecification], shardCount: Int) {
    let count = max(1, min(shardCount, parameters.count))
    files = (1...count).map { (Self.name($0, of: count, .safetensors), []) }
    let total = parameters.reduce(0) { $0 + $1.count }
    var before = 0
    for (position, parameter) in parameters.enumerated() {
      let byWeight = before * count / max(1, total)
      // Enough must be left that no file stays empty.
      let shard = max(byWeight, count - (parameters.count - position))
      files[min(shard, count - 1)].parameters.append(parameter)
      before += parameter.count
    }
    files.removeAll { $0.parameters.isEmpty }
  }
}

/// How each parameter of a folder is stored.
struct StorageRule {
  let dtype: DType
  let quantization: QuantizationPlan?

  func quantizes(_ parameter: ParameterSpecification) -> Bool {
    quantization?.covers(parameter) == true
  }

  /// The tensors that hold the parameter; parts of one tensor have the same ones.
  func declarations(_ parameter: ParameterSpecification) -> [SafetensorsWriter.Declaration] {
    guard let scheme = quantization?.scheme(of: parameter) else {
      return [.init(parameter.storedName, dtype, parameter.storedShape)]
    }
    return QuantizationDescription.declarations(
      parameter.storedName, parameter.storedShape, scheme)
  }
}
