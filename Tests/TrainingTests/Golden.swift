// What the tests of this folder share: the tiny golden model and its ten batches (Fixtures of
// WalkTests and CheckpointsTests, made by torchtune 0.6.1 with torchao 0.10), and training it.
import Checkpoints
import Datasets
import Foundation
import Layers
import Quantization
import Sharding
import Tensors
import TestSupport
import Training
import WeightFiles

enum Golden {
  static func tensors() throws -> SafetensorsFile {
    try SafetensorsFile(path: fixturePath("WalkTests/Fixtures/nano.safetensors"))
  }
  static func model() throws -> ModelFolder {
    try ModelFolder(path: fixturePath("CheckpointsTests/Fixtures/nano"))
  }

  struct Run: Decodable {
    var losses: [Double]
    var gradNorms: [Double]
  }
  /// The reference's losses by variant.
  static func runs() throws -> [String: Run] {
    struct File: Decodable { var train: [String: Run] }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let data = try Data(
      contentsOf: URL(fileURLWithPath: fixturePath("WalkTests/Fixtures/nano_train.json")))
    return try decoder.decode(File.self, from: data).train
  }

  /// The names of the golden tensors in the order of the units' parameters.
  static func parameterNames(layers: Int) -> [String] {
    let blocks = (0..<layers).flatMap { layer in
      [
        "sa_norm.scale", "attn.q_proj.weight", "attn.k_proj.weight", "attn.v_proj.weight",
        "attn.output_proj.weight", "mlp_norm.scale", "mlp.w1.weight", "mlp.w3.weight",
        "mlp.w2.weight",
      ].map { "layers.\(layer).\($0)" }
    }
    return ["tok_embeddings.weight"] + blocks + ["norm.scale", "output.weight"]
  }
}

/// The rows of the golden batches as the reference collated them, padding included.
struct GoldenDataset: TextDataset {
  private let samples: [Sample]
  let isPacked = false
  var count: Int { samples.count }

  init() throws {
    let file = try Golden.tensors()
    samples = try (0..<10).flatMap { batch in
      let tokens = try file.tensor(named: "batch\(batch).tokens").to(.int64)
      let labels = try file.tensor(named: "batch\(batch).labels").to(.int64)
      return (0..<tokens.shape[0]).map { row in
        func ids(_ t: Tensor) -> [Int32] {
          t.select(0, row).contiguous().int64s.map { Int32($0) }
        }
        return Sample(tokens: ids(tokens), labels: ids(labels))
      }
    }
  }
  func sample(at index: Int) -> Sample { samples[index] }
}

/// One training of the golden model on the golden batches, in their order.
struct GoldenTraining {
  var scheme: QuantizationScheme?
  var delay = 0
  var isSimulated = false
  var learningRate = 1e-3
  var dtype = DType.float32
  var accumulation = 1
  var clipNorm: Double?
  var stepPolicy = TrainingPlan.StepPolicy.afterNorm
  var blockPolicy = BlockPolicy.recompute
  var steps = 10
  /// Rows of all ranks together in a micro-batch.
  var globalBatch = 2

  struct Result: Sendable {
    var losses: [Double] = []
    var gradientNorms: [Double] = []
    /// Whole, in the units' order; on rank 0 only.
    var weights: [Tensor] = []
  }

  func run(_ group: ProcessGroup = .single) throws -> Result {
    let folder = try Golden.model()
    let model = try ShardedModel(
      folder.configuration.decoder, from: folder, dtype: dtype, on: .cpu, group: group)
    let data = try GoldenDataset()
    let perEpoch = 20 / globalBatch / accumulation
    let plan = TrainingPlan(
      epochs: (steps + perEpoch - 1) / perEpoch, accumulation: accumulation, clipNorm: clipNorm,
      stepPolicy: stepPolicy, blockPolicy: blockPolicy,
      fakeQuantization: scheme.map {
        FakeQuantizationPlan(scheme: $0, delay: delay, isSimulated: isSimulated)
      },
      schedule: .constant(learningRate))
    var result = Result()
    let stream = try BatchStream(
      data,
      sampler: DistributedSampler(
        count: data.count, worldSize: group.worldSize, rank: group.rank, shuffle: false),
      batchSize: globalBatch / group.worldSize, padID: 1028)
    let loop = TrainingLoop(
      model, plan: plan,
      optimizer: AdamW(AdamWOptions(weightDecay: 0.01), moments: .parameterDType(isFused: true)),
      lossHead: LossHead(chunkCount: 8), course: try TrainingCourse(stream, plan), on: .cpu,
      events: TrainingEvents(stepped: { _, step in
        result.losses.append(step.loss)
        step.gradientNorm.map { result.gradientNorms.append($0) }
      }))
    try loop.run()
    try model.gatherEach { result.weights.append($1.clone()) }
    return result
  }
}

/// The largest of the differences, one by one.
func largestDifference(_ ours: [Double], _ theirs: [Double]) -> Double {
  ours.count == theirs.count ? zip(ours, theirs).map { abs($0 - $1) }.max() ?? 0 : .infinity
}
