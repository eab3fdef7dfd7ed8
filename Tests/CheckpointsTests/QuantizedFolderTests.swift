// Quantized model folders: the codes and scales that were decided come back as they were, packed
// small, and a folder that lies about them is refused.
import Essentials
import Foundation
import Layers
import Quantization
import Tensors
import Testing

@testable import Checkpoints

@Suite struct QuantizedFolderTests {
  static func quantize(_ source: ModelFolder, to path: String, _ scheme: QuantizationScheme) throws
    -> ModelSizeReport
  {
    let writer = try ModelFolderWriter(
      to: path, like: source, dtype: source.dtype, quantization: scheme)
    let decoder = source.configuration.decoder
    for parameter in writer.specifications {
      let isTiedHead = decoder.tiesEmbeddings && parameter == decoder.headSpecification
      let weight = try source.whole(isTiedHead ? decoder.specification.embedding : parameter)
      if writer.isQuantized(parameter) {
        try writer.write(scheme.quantize(weight), for: parameter)
      } else {
        try writer.write(weight, for: parameter)
      }
    }
    return try writer.finish()
  }

  @Test(arguments: [2, 3, 4, 5, 8], ScalePrecision.allCases)
  func givesBackCodesAndScales(bits: Int, scales: ScalePrecision) throws {
    let scratch = try Scratch()
    let source = try nanoFolder()
    let scheme = QuantizationScheme(weightBits: bits, groupSize: 32, scales: scales)
    let report = try Self.quantize(source, to: scratch["q"], scheme)
    let folder = try ModelFolder(path: scratch["q"])
    let decoder = source.configuration.decoder
    #expect(folder.quantizationScheme == scheme)
    #expect(folder.configuration.decoder == decoder)
    try folder.check(against: decoder)
    #expect(folder.unexpectedNames(for: decoder).isEmpty)
    for parameter in decoder.specification.all {
      let weight = try source.whole(parameter)
      guard parameter.kind == .linear else {
        #expect(try folder.quantized(parameter) == nil)
        #expect(try folder.whole(parameter).isEqual(to: weight))
        continue
      }
      let expected = scheme.quantize(weight)
      let found = try #require(try folder.quantized(parameter))
      #expect(found.scheme == scheme)
      #expect(found.codes.isEqual(to: expected.codes), "\(parameter.name)")
      #expect(found.scales.isEqual(to: expected.scales), "\(parameter.name)")
      let rows = try #require(try folder.quantized(parameter, rows: 3..<45))
      #expect(rows.codes.isEqual(to: expected.codes.narrow(0, from: 3, count: 42)))
      #expect(rows.scales.isEqual(to: expected.scales.narrow(0, from: 3, count: 42)))
      #expect(thrown { _ = try folder.whole(parameter) }?.code == .checkpointMismatch)
    }
    let linear = decoder.specification.all.filter { $0.kind == .linear }.reduce(0) { $0 + $1.count }
    #expect(report.codeBytes == linear * bits / 8)
    #expect(report.scaleBytes == linear / 32 * scales.dtype.byteCount)
    #expect(report.plainBytes == (decoder.parameterCount - linear) * 4)
    #expect(report.floatBytes == decoder.parameterCount * 4)
    #expect(report.quantizedLayers.count == 15 && report.skippedLayers.isEmpty)
    #expect(report == folder.sizeReport())
    let file = try bytes(of: scratch["q/model.safetensors"]).count
    #expect(report.fileBytes == file)
    #expect(file < report.codeBytes + report.scaleBytes + report.plainBytes + 10_000)
  }

  @Test func rowsOfCodesAreInTheCheckpointsOrder() throws {
    let scratch = try Scratch()
    let source = try nanoFolder()
    let scheme = QuantizationScheme(groupSize: 64)
    _ = try Self.quantize(source, to: scratch["q"], scheme)
    let name = "model.layers.0.self_attn.q_proj.weight"
    let hf = try SafetensorsFile(path: fixture("nano/model.safetensors")).tensor(named: name)
    let file = try SafetensorsFile(path: scratch["q/model.safetensors"])
    let expected = scheme.quantize(hf)
    #expect(try file.tensor(named: name).isEqual(to: expected.packedCodes()))
    #expect(file.shape(of: name) == [128, 64] && file.dtype(of: name) == .uint8)
    let scales = "model.layers.0.self_attn.q_proj.weight_scales"
    #expect(try file.tensor(named: scales).isEqual(to: expected.scales))
    #expect(file.metadata["scheme"] == "8da4w" && file.metadata["group_size"] == "64")
    let config = try JSON.load(path: scratch["q/config.json"])
    #expect(config["quantization_config"]?["quant_method"]?.string == "swift-tune")
    #expect(config["quantization_config"]?["weight_bits"]?.integer == 4)
  }

  @Test func aTiedHeadIsQuantizedApartFromTheEmbedding() throws {
    let scratch = try Scratch()
    let path = try nanoCopy(in: scratch, "tied", ["tie_word_embeddings": true])
    let source = try ModelFolder(path: path)
    let scheme = QuantizationScheme(groupSize: 32)
    let report = try Self.quantize(source, to: scratch["q"], scheme)
    #expect(report.quantizedLayers.contains("lm_head.weight"))
    let folder = try ModelFolder(path: scratch["q"])
    let decoder = folder.configuration.decoder
    #expect(decoder.tiesEmbeddings)
    try folder.check(against: decoder)
    let embedding = try source.whole(decoder.specification.embedding)
    #expect(try folder.whole(decoder.specification.embedding).isEqual(to: embedding))
    let head = try #require(try folder.quantized(decoder.headSpecification))
    #expect(head.codes.isEqual(to: scheme.quantize(embedding).codes))
    #expect(folder.unexpectedNames(for: decoder).isEmpty)
  }

  @Test func layersThatTheGroupsDoNotFitStayPlain() throws {
    let scratch = try Scratch()
    let source = try nanoFolder()
    let report = try Self.quantize(source, to: scratch["q"], QuantizationScheme(groupSize: 256))
    #expect(
      report.quantizedLayers == (0..<2).map { "model.layers.\($0).mlp.down_proj.weight" })
    #expect(report.skippedLayers.count == 13)
    let folder = try ModelFolder(path: scratch["q"])
    try folder.check(against: source.configuration.decoder)
    let query = source.configuration.decoder.specification.blocks[0].query.weight
    #expect(try folder.quantized(query) == nil)
    #expect(try folder.whole(query).isEqual(to: source.whole(query)))
    #expect(report == folder.sizeReport())
  }

  /// Rewrites the one file of a quantized folder after `change`.
  static func tampered(
    _ scratch: Scratch, _ scheme: QuantizationScheme = QuantizationScheme(groupSize: 32),
    metadata: [String: String]? = nil, _ change: (String, Tensor) -> Tensor
  ) throws -> ModelFolder {
    _ = try quantize(nanoFolder(), to: scratch["q"], scheme)
    let file = try SafetensorsFile(path: scratch["q/model.safetensors"])
    let tensors = try file.names.map { ($0, change($0, try file.tensor(named: $0))) }
    let writer = try SafetensorsWriter(
      to: file.path, tensors.map { .init($0, $1.dtype, $1.shape) },
      metadata: metadata ?? file.metadata)
    for (name, tensor) in tensors { try writer.write(tensor, to: name) }
    try writer.finish()
    return try ModelFolder(path: scratch["q"])
  }

  @Test(arguments: [Double.nan, .infinity, -1, 0]) func refusesScales(value: Double) throws {
    let name = "model.layers.0.mlp.up_proj.weight_scales"
    let folder = try Self.tampered(Scratch()) { found, tensor in
      guard found == name else { return tensor }
      let changed = tensor.clone()
      changed.narrow(0, from: 7, count: 1).narrow(1, from: 2, count: 1).fill(value)
      return changed
    }
    let up = folder.configuration.decoder.specification.blocks[0].up.weight
    let error = try #require(thrown { _ = try folder.quantized(up) })
    #expect(error.code == .malformedFile && error.message.contains(name))
    #expect(try folder.quantized(up, rows: 8..<256) != nil)
  }

  @Test func refusesShapesThatDoNotFitTheScheme() throws {
    for (suffix, shape) in [("weight", [256, 63]), ("weight_scales", [256, 3])] {
      let name = "model.layers.0.mlp.up_proj." + suffix
      let folder = try Self.tampered(Scratch()) { found, tensor in
        found == name ? Tensor.ones(shape, tensor.dtype) : tensor
      }
      let decoder = folder.configuration.decoder
      let error = try #require(thrown { try folder.check(against: decoder) })
      #expect(error.code == .checkpointMismatch && error.message.contains("\(shape)"))
      #expect(thrown { _ = try folder.quantized(decoder.specification.blocks[0].up.weight) } != nil)
    }
  }

  @Test func refusesAFileOfAnotherScheme() throws {
    var metadata = QuantizationDescription.metadata(
      QuantizationPlan(QuantizationScheme(groupSize: 64)))
    metadata["format"] = "pt"
    let error = try #require(
      thrown { _ = try Self.tampered(Scratch(), metadata: metadata) { $1 } })
    #expect(error.code == .malformedFile && error.location.key == "group_size")
  }

  @Test func namesWhatItDoesWithInputs() throws {
    let scratch = try Scratch()
    let scheme = QuantizationScheme.weightOnly(groupSize: 32)
    _ = try Self.quantize(nanoFolder(), to: scratch["q"], scheme)
    let file = try SafetensorsFile(path: scratch["q/model.safetensors"])
    #expect(file.metadata["scheme"] == "4w" && file.metadata["activations"] == "none")
    #expect(try ModelFolder(path: scratch["q"]).quantizationScheme == scheme)
  }

  @Test func refusesPaddingThatIsNotEmpty() throws {
    let scratch = try Scratch()
    let scheme = QuantizationScheme(weightBits: 3, groupSize: 4)
    let configuration = DecoderConfiguration(
      vocabularySize: 16, layerCount: 1, headCount: 1, keyValueHeadCount: 1, width: 12,
      hiddenWidth: 16, maximumSequenceLength: 16)
    try initializeModelFolder(scratch["m"], configuration, dtype: .float32, seed: 1)
    _ = try Self.quantize(ModelFolder(path: scratch["m"]), to: scratch["q"], scheme)
    let up = configuration.specification.blocks[0].up.weight
    #expect(try ModelFolder(path: scratch["q"]).quantized(up) != nil)
    let path = scratch["q/model.safetensors"]
    let place = try #require(try SafetensorsFile(path: path).entry(up.name)?.bytes)
    var content = try bytes(of: path)
    // 12 codes of 3 bits: 4 bits of a row's fifth byte are left.
    content[place.lowerBound + 4] |= 0x10
    _ = try scratch.write(content, "q/model.safetensors")
    let error = try #require(thrown { _ = try ModelFolder(path: scratch["q"]).quantized(up) })
    #expect(error.code == .malformedFile && error.message.contains(up.name))
  }

  static let configurations: [(key: String, value: JSON, code: TuneError.Code)] = [
    ("quant_method", "gptq", .unsupported), ("quant_method", .null, .unsupported),
    ("weight_bits", 9, .malformedFile), ("weight_bits", 1, .malformedFile),
    ("group_size", 0, .malformedFile), ("group_size", 48, .malformedFile),
    ("scale_dtype", "int8", .malformedFile), ("scheme", "8da3w", .unsupported),
    ("activations", "none", .unsupported),
  ]
  @Test(arguments: configurations)
  func refusesAConfiguration(key: String, value: JSON, code: TuneError.Code) throws {
    let scratch = try Scratch()
    _ = try Self.quantize(nanoFolder(), to: scratch["q"], QuantizationScheme(groupSize: 32))
    var json = try #require(try JSON.load(path: scratch["q/config.json"]).object)
    var inner = try #require(json["quantization_config"]?.object)
    inner[key] = value
    json["quantization_config"] = .object(inner)
    _ = try scratch.write(Array(JSON.object(json).text().utf8), "q/config.json")
    let error = try #require(thrown { _ = try ModelFolder(path: scratch["q"]) })
    #expect(error.code == code, "\(error)")
  }
}
