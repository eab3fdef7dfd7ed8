// One configuration of the training benchmark as a process: it answers `step` with the seconds that
// one step of the real training loop took, and `peak` with the most bytes that were resident.
import Checkpoints
import Datasets
import Essentials
import Layers
import Quantization
import Sharding
import Tensors
import Training

enum TrainingWorker {
  static let command = "training-worker"

  /// What is trained.
  enum Model: String {
    case small, wide

    var configuration: DecoderConfiguration {
      switch self {
      case .small:
        DecoderConfiguration(
          vocabularySize: 8192, layerCount: 8, headCount: 8, keyValueHeadCount: 4, width: 512,
          hiddenWidth: 1536, maximumSequenceLength: 2048)
      case .wide:
        DecoderConfiguration(
          vocabularySize: 8192, layerCount: 4, headCount: 32, keyValueHeadCount: 8, width: 2048,
          hiddenWidth: 5632, maximumSequenceLength: 2048)
      }
    }
    var batch: Batch {
      self == .small ? Batch(rows: 4, width: 256) : Batch(rows: 4, width: 512)
    }
  }

  /// Of a step: samples, and tokens in each.
  struct Batch {
    var rows: Int
    var width: Int
    var tokens: Int { rows * width }
  }

  /// - Parameter arguments: which model, its folder, dtype, `plain` or `qat`, `keep` or `recompute`.
  static func run(_ arguments: [String]) throws {
    guard arguments.count >= 5, let model = Model(rawValue: arguments[0]) else {
      throw TuneError(.usage, "\(command) takes five words, the first small or wide")
    }
    let loop = try makeLoop(
      model, folder: arguments[1], dtype: arguments[2] == "bf16" ? .bfloat16 : .float32,
      fakeQuantizes: arguments[3] == "qat", policy: arguments[4] == "keep" ? .keep : .recompute)
    let saves = MeasuredSaves(loop, folder: arguments[1])
    Devices.returnFreedMemory()
    Devices.resetPeakMemory(of: .cpu)
    StandardStreams.output("ready\n")
    while let question = readLine() {
      switch question {
      case "step":
        let started = Clock.now
        _ = try loop.step()
        StandardStreams.output("\(Clock.now - started)\n")
      case "save": StandardStreams.output("\(try saves.stepSavingAtOnce())\n")
      case "background": StandardStreams.output("\(try saves.stepSavingInTheBackground())\n")
      case "written": StandardStreams.output("\(try saves.secondsUntilWritten())\n")
      case "bytes": StandardStreams.output("\(saves.byteCount)\n")
      case "peak": StandardStreams.output("\(Devices.memory(of: .cpu).peakActive)\n")
      default: throw TuneError(.usage, "\(command) does not know '\(question)'")
      }
    }
  }

  private static func makeLoop(
    _ kind: Model, folder: String, dtype: DType, fakeQuantizes: Bool, policy: BlockPolicy
  ) throws -> TrainingLoop {
    let (configuration, batch) = (kind.configuration, kind.batch)
    let model = try ShardedModel(
      configuration, from: ModelFolder(path: folder), dtype: dtype, on: .cpu, group: .single)
    let scheme = QuantizationScheme(groupSize: 256)
    let plan = TrainingPlan(
      epochs: 1, blockPolicy: policy,
      fakeQuantization: fakeQuantizes ? FakeQuantizationPlan(scheme: scheme) : nil,
      schedule: .constant(2e-5))
    let dataset = RandomTokens(
      count: 4096, width: batch.width, vocabularySize: UInt32(configuration.vocabularySize))
    let stream = try BatchStream(
      dataset, sampler: DistributedSampler(count: dataset.count), batchSize: batch.rows, padID: 0)
    return TrainingLoop(
      model, plan: plan, optimizer: AdamW(moments: .parameterDType(isFused: true)),
      lossHead: LossHead(),
      course: try TrainingCourse(stream, plan), on: .cpu, events: TrainingEvents())
  }
}

/// Samples of full length; what the tokens are does not matter for time.
private struct RandomTokens: TextDataset {
  let count: Int
  let width: Int
  let vocabularySize: UInt32
  let isPacked = false
  func sample(at index: Int) -> Sample {
    var random = MersenneTwister(seed: UInt64(index))
    let tokens = (0..<width).map { _ in Int32(random.next32() % vocabularySize) }
    return Sample(tokens: tokens, labels: tokens)
  }
}
