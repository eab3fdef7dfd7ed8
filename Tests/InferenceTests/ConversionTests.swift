// Prepared model == converted model: what a fake-quantized decoder computes is, bit for bit, what the
// same weights compute after they were quantized, packed, written, read and unpacked.
import Catalog
import Checkpoints
import Configuration
import Essentials
import Foundation
import Inference
import Launching
import Layers
import Quantization
import Recipes
import Synchronization
import Tensors
import Testing

@Suite struct ConversionTests {
  static let schemes = [
    QuantizationScheme(weightBits: 4, groupSize: 32),
    QuantizationScheme(weightBits: 2, groupSize: 32),
    QuantizationScheme(weightBits: 3, groupSize: 16, scales: .bfloat16),
    // Divides the model's width and not the feed-forward layer's.
    QuantizationScheme(weightBits: 4, groupSize: 64),
    QuantizationScheme(weightBits: 5, groupSize: 32, scales: .float16),
    QuantizationScheme(weightBits: 8, groupSize: 8),
    .weightOnly(groupSize: 32),
    .weightOnly(weightBits: 3, groupSize: 16, scales: .bfloat16),
  ]

  @Test(arguments: schemes, [DType.float32, .bfloat16])
  func preparedEqualsConverted(scheme: QuantizationScheme, dtype: DType) throws {
    for tied in [false, true] {
      let tiny = try TinyModel(tied: tied, dtype: dtype)
      let prepared = InferenceModel(
        tiny.configuration, try tiny.tensors(dtype), numerics: .fakeQuantized(scheme))
      let output = tiny.folder + "/quantized"
      let source = try tiny.modelFolder()
      let work = FolderQuantization(source, tiny.configuration, scheme: scheme, dtype: dtype)
      let size = try work.write(to: output)
      #expect(size.quantizedLayers.count == (scheme.weights.groupSize == 64 ? 13 : 15))
      #expect(size.skippedLayers == work.skippedLayers.map(\.name))

      let folder = try ModelFolder(path: output)
      try folder.check(against: tiny.configuration)
      let converted = try InferenceModel(
        loading: folder, tiny.configuration, dtype: dtype, on: .cpu)
      let onLoading = try InferenceModel(
        loading: source, tiny.configuration, dtype: dtype, on: .cpu, scheme: scheme)
      #expect(converted.isQuantized && onLoading.isQuantized)

      let tokens = RandomGenerator(seed: 3)
        .integers([2, 17], in: 0..<tiny.configuration.vocabularySize)
      let expected = prepared.logits(tokens)
      #expect(expected.dtype == dtype)
      #expect(converted.logits(tokens).isEqual(to: expected))
      #expect(onLoading.logits(tokens).isEqual(to: expected))
      // The rounding is there: the test would otherwise hold for a scheme that does nothing.
      let exact = InferenceModel(tiny.configuration, try tiny.tensors(dtype), numerics: .exact)
      #expect(!exact.logits(tokens).isEqual(to: expected))
    }
  }

  /// A checkpoint may hold one of the layers with a common input plain.
  @Test func layersOfOneInputMayDiffer() {
    let scheme = QuantizationScheme(groupSize: 32)
    let random = RandomGenerator(seed: 11)
    let x = random.normal([5, 64])
    let weights = (0..<3).map { _ in random.normal([24, 64]) }
    let kinds: [LinearWeight] = [
      .packed(scheme.code(weights[0]), gradients: nil), .exact(weights[1]),
      .quantized(scheme.quantize(weights[2])),
    ]
    let together = linear(x, kinds[0], kinds[1], kinds[2])
    for (kind, output) in zip(kinds, together) {
      #expect(output.isEqual(to: linear(x, kind)[0]))
    }
    #expect(together[1].isEqual(to: x.linear(weights[1])))
  }

  @Test func recipeWritesWhatTheCheckpointerReads() throws {
    let tiny = try TinyModel(tied: true)
    let configuration = try tiny.recipe(
      .quantize, Self.quantizer("Int8DynActInt4WeightQATQuantizer"))
    try runQuantize(configuration, .single)
    let folder = try ModelFolder(path: tiny.folder + "/out", files: ["model.safetensors"])
    #expect(folder.quantizationScheme == QuantizationScheme(groupSize: 32))
    // A tied head becomes a layer of its own; the embedding stays as it was.
    #expect(try folder.quantized(tiny.configuration.headSpecification) != nil)
    let embedding = tiny.configuration.specification.embedding
    #expect(try folder.whole(embedding).isEqual(to: tiny.modelFolder().whole(embedding)))
    // int4 is two to a byte, and a scale takes 4 bytes for 32 weights: 5 bits a weight.
    let size = folder.sizeReport()
    #expect(size.scaleBytes * 4 == size.codeBytes)
  }

  @Test func refusals() throws {
    let tiny = try TinyModel()
    let configuration = try tiny.recipe(.quantize, Self.quantizer("Int8DynActInt4WeightQuantizer"))
    var two = WorkerEnvironment.single
    two.worldSize = 2
    #expect(tuneError { try runQuantize(configuration, two) }?.code == .usage)
    try runQuantize(configuration, .single)

    let again = try tiny.recipe(
      .quantize, Self.quantizer("Int8DynActInt4WeightQuantizer"), checkpoint: tiny.folder + "/out",
      overrides: ["checkpointer.output_dir=\(tiny.folder)/again"])
    let error = tuneError { try runQuantize(again, .single) }
    #expect(
      error?.message.contains("quantized already, with 4-bit weights in groups of 32") == true)
    #expect(!FileManager.default.fileExists(atPath: tiny.folder + "/again"))

    let onto = try tiny.recipe(
      .quantize, Self.quantizer("Int8DynActInt4WeightQuantizer"),
      overrides: ["checkpointer.output_dir=\(tiny.model)"])
    #expect(tuneError { try runQuantize(onto, .single) } != nil)
    #expect(try tiny.modelFolder().quantizationScheme == nil)
  }

  /// Every recipe opens its checkpoint so: what it does not read is named in one warning.
  @Test func tensorsThatChangeNothingAreNamedInAWarning() throws {
    let tiny = try TinyModel(tied: true)
    let file = try SafetensorsFile(path: tiny.model + "/model.safetensors")
    var tensors = try file.names.map { ($0, try file.tensor(named: $0)) }
    tensors.append(("lm_head.weight", try file.tensor(named: "model.embed_tokens.weight").clone()))
    tensors += (0..<3).map { ("model.layers.\($0).self_attn.rotary_emb.inv_freq", .ones([8])) }
    try FileManager.default.createDirectory(
      atPath: tiny.folder + "/more", withIntermediateDirectories: true)
    try FileManager.default.copyItem(
      atPath: tiny.model + "/config.json", toPath: tiny.folder + "/more/config.json")
    let writer = try SafetensorsWriter(
      to: tiny.folder + "/more/model.safetensors", tensors.map { .init($0, $1.dtype, $1.shape) })
    for (name, tensor) in tensors { try writer.write(tensor, to: name) }
    try writer.finish()

    let said = Lines()
    let root = try tiny.recipe(
      .quantize, Self.quantizer("Int8DynActInt4WeightQuantizer"), checkpoint: tiny.folder + "/more"
    ).root
    _ = try Recipes.modelFolder(
      from: root[Keys.checkpointer], for: tiny.configuration,
      log: RecipeLog(level: .warning) { said.add($0) })
    let names = tensors.suffix(4).map(\.0).sorted()
    #expect(
      said.all == [
        "WARNING: the checkpoint stores tensors that the model computes itself or has twice; "
          + "they are not read: "
          + names.prefix(3).map { "'\($0)'" }.joined(separator: ", ") + " and 1 more\n"
      ])
  }

  /// transformers takes such a model for one that is not tied.
  @Test func aTiedHeadThatDiffersIsRefused() throws {
    let tiny = try TinyModel(tied: true)
    let file = try SafetensorsFile(path: tiny.model + "/model.safetensors")
    var tensors = try file.names.map { ($0, try file.tensor(named: $0).clone()) }
    let head = try file.tensor(named: "model.embed_tokens.weight").clone()
    head.select(0, tiny.configuration.vocabularySize - 1).fill(3)
    tensors.append(("lm_head.weight", head))
    let writer = try SafetensorsWriter(
      to: tiny.model + "/model.safetensors", tensors.map { .init($0, $1.dtype, $1.shape) })
    for (name, tensor) in tensors { try writer.write(tensor, to: name) }
    try writer.finish()
    let root = try tiny.recipe(.quantize, Self.quantizer("Int8DynActInt4WeightQuantizer")).root
    let error = tuneError {
      _ = try Recipes.modelFolder(
        from: root[Keys.checkpointer], for: tiny.configuration,
        log: RecipeLog(level: .warning) { _ in })
    }
    #expect(error?.code == .checkpointMismatch)
    #expect(error?.location.key == "tie_word_embeddings")
  }

  @Test func aGroupSizeThatDividesNoLayer() throws {
    let tiny = try TinyModel()
    let work = FolderQuantization(
      try tiny.modelFolder(), tiny.configuration, scheme: QuantizationScheme(groupSize: 60),
      dtype: .float32)
    let error = tuneError { _ = try work.write(to: tiny.folder + "/none") }
    #expect(error?.code == .configuration)
    #expect(error?.message.contains("60 divides no layer: their inputs are 64 and 96 wide") == true)
    #expect(!FileManager.default.fileExists(atPath: tiny.folder + "/none"))
  }

  @Test func aQuantizerThatIsNotTheFolders() throws {
    let tiny = try TinyModel()
    let output = tiny.folder + "/quantized"
    let scheme = QuantizationScheme(groupSize: 32)
    _ = try FolderQuantization(
      try tiny.modelFolder(), tiny.configuration, scheme: scheme, dtype: .float32
    ).write(to: output)
    let folder = try ModelFolder(path: output)
    func load(_ scheme: QuantizationScheme?) throws {
      _ = try InferenceModel(
        loading: folder, tiny.configuration, dtype: .float32, on: .cpu, scheme: scheme)
    }
    try load(nil)
    try load(scheme)
    let error = tuneError { try load(QuantizationScheme(groupSize: 16)) }
    #expect(error?.code == .checkpointMismatch)
    #expect(
      error?.message == "the checkpoint is quantized with 4-bit weights in groups of 32, and the "
        + "quantizer asks for 4-bit weights in groups of 16")
    let other = tuneError { try load(.weightOnly(groupSize: 32)) }
    #expect(other?.message.hasSuffix("4-bit weights in groups of 32 and exact inputs") == true)
  }

  @Test func weightsThatAreNotFinite() throws {
    let tiny = try TinyModel()
    let source = try tiny.modelFolder()
    let layer = tiny.configuration.specification.blocks[1].gate.weight
    // Not as a model folder, which would refuse them.
    try FileManager.default.copyItem(atPath: source.path, toPath: tiny.folder + "/broken")
    let tensors = try tiny.configuration.specification.all.map { ($0, try source.whole($0)) }
    let writer = try SafetensorsWriter(
      to: tiny.folder + "/broken/model.safetensors",
      tensors.map { .init($0.0.storedName, $0.1.dtype, $0.1.shape) }, metadata: ["format": "pt"])
    for (parameter, tensor) in tensors {
      try writer.write(parameter == layer ? tensor / 0 : tensor, to: parameter.storedName)
    }
    try writer.finish()
    let work = FolderQuantization(
      try ModelFolder(path: tiny.folder + "/broken"), tiny.configuration,
      scheme: QuantizationScheme(groupSize: 32), dtype: .float32)
    let error = tuneError { _ = try work.write(to: tiny.folder + "/none") }
    #expect(error?.code == .nonFinite)
    #expect(error?.message.contains(layer.name) == true)
    #expect(!FileManager.default.fileExists(atPath: tiny.folder + "/none"))
  }

  static func quantizer(_ name: String) -> String {
    """
    quantizer:
      _component_: torchtune.training.quantization.\(name)
      groupsize: 32
    """
  }
}

private final class Lines: Sendable {
  private let lines = Mutex<[String]>([])
  var all: [String] { lines.withLock(\.self) }
  func add(_ line: String) { lines.withLock { $0.append(line) } }
}
