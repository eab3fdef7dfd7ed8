// One configuration of the training benchmark as a process: it answers `step` with the seconds that
// one step of the real training loop took, and `peak` with the most bytes that were resident.
import Checkpoints
import Essentials
import Layers
import Quantization
import Sharding
import Tensors
import Text
import Training

enum TrainingWorker {
  static let command = "training-worker"
  static let sequenceLength = 256
  static let configuration = DecoderConfiguration(
    vocabularySize: 8192, layerCount: 8, headCount: 8, keyValueHeadCount: 4, width: 512,
    hiddenWidth: 1536, maximumSequenceLength: sequenceLength)

  /// Of a step: samples, and tokens in each.
  struct Batch {
    var rows: Int
    var width: Int
    var tokens: Int { rows * width }
  }

  /// - Parameter arguments: model folder, rows and width of a batch, dtype, `plain` or `qat`, `keep`
  ///   or `recompute`.
  static func run(_ arguments: [String]) throws {
    guard arguments.count >= 6, let rows = Int(arguments[1]), let width = Int(arguments[2]) else {
      throw TuneError(.usage, "\(command) takes six words")
    }
    let loop = try makeLoop(
      folder: arguments[0], Batch(rows: rows, width: width),
      dtype: arguments[3] == "bf16" ? .bfloat16 : .float32,
      fakeQuantizes: arguments[4] == "qat", policy: arguments[5] == "keep" ? .keep : .recompute)
    Devices.returnFreedMemory()
    Devices.resetPeakMemory(of: .cpu)
    StandardStreams.output("ready\n")
    while let question = readLine() {
      switch question {
      case "step":
        let started = Clock.now
        _ = try loop.step()
        StandardStreams.output("\(Clock.now - started)\n")
      case "peak": StandardStreams.output("\(Devices.memory(of: .cpu).peakActive)\n")
      default: throw TuneError(.usage, "\(command) does not know '\(question)'")
      }
    }
  }

  private static func makeLoop(
    folder: String, _ batch: Batch, dtype: DType, fakeQuantizes: Bool, policy: BlockPolicy
  ) throws -> TrainingLoop {
    let model = try ShardedModel(
      configuration, from: ModelFolder(path: folder), dtype: dtype, on: .cpu, group: .single)
    let scheme = QuantizationScheme(groupSize: 256)
    let plan = TrainingPlan(
      epochs: 1, blockPolicy: policy,
      fakeQuantization: fakeQuantizes ? FakeQuantizationPlan(scheme: scheme) : nil,
      schedule: .constant(2e-5))
    let dataset = RandomTokens(count: 4096, width: batch.width)
    let stream = try BatchStream(
      dataset, sampler: DistributedSampler(count: dataset.count), batchSize: batch.rows, padID: 0)
    return try TrainingLoop(
      model, plan: plan, optimizer: AdamW(isFused: true), lossHead: LossHead(), stream: stream,
      on: .cpu, events: TrainingEvents())
  }
}

/// Samples of full length; what the tokens are does not matter for time.
private struct RandomTokens: TextDataset {
  let count: Int
  let width: Int
  let isPacked = false
  func sample(at index: Int) -> Sample {
    var random = MersenneTwister(seed: UInt64(index))
    let ids = UInt32(TrainingWorker.configuration.vocabularySize)
    let tokens = (0..<width).map { _ in Int32(random.next32() % ids) }
    return Sample(tokens: tokens, labels: tokens)
  }
}
