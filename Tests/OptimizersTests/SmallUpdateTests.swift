// bf16 parameters keep updates that are too small for bf16; the gradient norm and clipping.
import Foundation
import Sharding
import Tensors
import Testing
import Training

@Suite struct SmallUpdateTests {
  private let count = 1 << 14
  private let options = AdamWOptions(weightDecay: 0)
  /// Updates of 1e-5 on parameters of 1: bf16 neighbours of 1 are 0.0039 below and 0.0078 above.
  private func run(_ optimizer: any Optimizer, _ dtype: DType, steps: Int) -> Shard {
    let parameter = shard([.ones([count], dtype)])
    for step in 1...steps {
      optimizer.update(
        unit: 0, parameter, gradient: .ones([count]), learningRate: 1e-5, step: step)
    }
    return parameter
  }

  @Test func plainRoundingLosesThem() {
    for optimizer in [
      AdamW(options, moments: .parameterDType(isFused: true)),
      AdamW(options, moments: .float32, rounding: .nearest),
    ] as [any Optimizer] {
      #expect(isIdentical(run(optimizer, .bfloat16, steps: 20).flat, .ones([count], .bfloat16)))
    }
  }

  @Test func stochasticRoundingKeepsThemOnAverage() {
    let rounding = AdamW.Rounding.stochastic(seed: 1)
    let parameter = run(AdamW(options, moments: .float32, rounding: rounding), .bfloat16, steps: 20)
    let moved = 1 - parameter.flat.to(.float64).mean().item
    // Of 20 * 1e-5. A step moves a parameter by 0.0039 with probability 0.0026: the mean of 16384
    // parameters deviates by 7e-6; four of these.
    #expect(abs(moved - 2e-4) < 2.8e-5)
    let again = run(AdamW(options, moments: .float32, rounding: rounding), .bfloat16, steps: 20)
    #expect(isIdentical(again.flat, parameter.flat))
    let other = run(
      AdamW(options, moments: .float32, rounding: .stochastic(seed: 2)), .bfloat16, steps: 20)
    #expect(!isIdentical(other.flat, parameter.flat))
  }

  /// Whatever the moments are kept in: rounding is a value of its own. The 8-bit means of equal
  /// gradients are exact but for the fp32 arithmetic of a step.
  @Test(arguments: [AdamW.MomentStorage.parameterDType(isFused: true), .eightBits()])
  func everyStorageOfMomentsKeepsThem(storage: AdamW.MomentStorage) throws {
    let optimizer = AdamW(options, moments: storage, rounding: .stochastic(seed: 1))
    let parameter = run(optimizer, .bfloat16, steps: 20)
    // The moments of `.parameterDType` are bf16 and part from the truth by up to a 256th a step.
    #expect(abs(1 - parameter.flat.to(.float64).mean().item - 2e-4) < 6e-5)
    let kept = AdamW(options, moments: storage, rounding: .masterWeights)
    let rounded = run(kept, .bfloat16, steps: 300)
    let master = try elements(kept.state(unit: 0, like: rounded)["master"], rounded.layout)
    #expect(isIdentical(rounded.flat, master.to(.bfloat16)))
    #expect(rounded.flat.amax().item < 1)
  }

  /// Each unit, step and rank rounds on its own.
  @Test func streamsOfChanceDiffer() {
    var results: [Tensor] = []
    for (unit, step, rank) in [(0, 1, 0), (1, 1, 0), (0, 2, 0), (0, 1, 1)] {
      let layout = ShardLayout([[2 * count]], worldSize: 2)
      let parameter = Shard(layout: layout, rank: rank, flat: .ones([count], .bfloat16))
      let optimizer = AdamW(options, moments: .float32, rounding: .stochastic(seed: 1))
      optimizer.update(
        unit: unit, parameter, gradient: .ones([count]), learningRate: 1e-3, step: step)
      results.append(parameter.flat)
    }
    for i in results.indices {
      for j in results.indices where j > i { #expect(!isIdentical(results[i], results[j])) }
    }
  }

  @Test func masterWeightsFollowFloat32Exactly() throws {
    let optimizer = AdamW(options, moments: .float32, rounding: .masterWeights)
    let rounded = run(optimizer, .bfloat16, steps: 300)
    let exact = run(AdamW(options, moments: .parameterDType(isFused: true)), .float32, steps: 300)
    guard case .elements(let master)? = optimizer.state(unit: 0, like: rounded)["master"] else {
      Issue.record("no master weights in the state")
      return
    }
    #expect(isIdentical(master, exact.flat))
    #expect(isIdentical(rounded.flat, exact.flat.to(.bfloat16)))
    #expect(rounded.flat.amax().item < 1)
  }

  @Test func float32ParametersNeedNoRemedy() {
    let exact = run(AdamW(options, moments: .parameterDType(isFused: true)), .float32, steps: 5)
      .flat
    for rounding in [.nearest, .masterWeights, .stochastic(seed: 1)]
      as [AdamW.Rounding]
    {
      let optimizer = AdamW(options, moments: .float32, rounding: rounding)
      let parameter = run(optimizer, .float32, steps: 5)
      #expect(isIdentical(parameter.flat, exact))
      #expect(optimizer.state(unit: 0, like: parameter).count == 2)
    }
  }

  @Test func sumOfSquaresIsExactEnoughAndIndependentOfThreads() {
    let x = RandomGenerator(seed: 8).normal([300_001])
    let expected = x.floats.reduce(0.0) { $0 + Double($1) * Double($1) }
    let threads = Devices.threads
    defer { Devices.setThreads(threads) }
    var sums: Set<Double> = []
    for count in [1, 2, 3] {
      Devices.setThreads(count)
      sums.insert(sumOfSquares([x]))
    }
    #expect(sums.count == 1)
    // Sums of 300001 numbers in fp64, in two orders.
    #expect(abs((sums.first ?? .nan) / expected - 1) < 1e-12)
    // fp32 could not hold these squares.
    #expect(sumOfSquares([.full([2], 1e30)]) == 2 * Double(Float(1e30)) * Double(Float(1e30)))
    let half = Tensor.full([10], 0.5)
    #expect(sumOfSquares([half, half.to(.bfloat16), .zeros([0])]) == 5)
    #expect(sumOfSquares([.full([3], .nan)]).isNaN)
  }

  @Test func clipFactorIsTorchs() {
    #expect(clipFactor(norm: 0.5, maximum: 1) == 1)
    #expect(clipFactor(norm: 0, maximum: 1) == 1)
    #expect(clipFactor(norm: 4, maximum: 1) == 1 / (4 + 1e-6))
    #expect(clipFactor(norm: 1, maximum: 1) == 1 / (1 + 1e-6))
    #expect(clipFactor(norm: .infinity, maximum: 1) == 0)
    #expect(clipFactor(norm: 5, maximum: .infinity) == 1)
    #expect(clipFactor(norm: .nan, maximum: 1).isNaN)
  }
}
