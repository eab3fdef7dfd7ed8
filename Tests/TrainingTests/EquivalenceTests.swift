// What may differ between two runs and what must not: delay, step policy, activation policy, number
// of ranks.
import Layers
import Quantization
import Sharding
import Synchronization
import Tensors
import Testing
import Training

private let group32 = QuantizationScheme(groupSize: 32)

private func expectSame(
  _ a: GoldenTraining.Result, _ b: GoldenTraining.Result,
  _ location: SourceLocation = #_sourceLocation
) {
  #expect(a.losses == b.losses, sourceLocation: location)
  #expect(a.gradientNorms == b.gradientNorms, sourceLocation: location)
  #expect(a.weights.count == 21 && b.weights.count == 21, sourceLocation: location)
  for (index, (mine, other)) in zip(a.weights, b.weights).enumerated() {
    #expect(mine.isEqual(to: other), "parameter \(index)", sourceLocation: location)
  }
}

@Suite struct EquivalenceTests {
  @Test func delayedStepsAreExact() throws {
    let plain = try GoldenTraining().run()
    let delayed = try GoldenTraining(scheme: group32, delay: 5).run()
    #expect(delayed.losses.prefix(5) == plain.losses.prefix(5))
    #expect(delayed.losses[5] != plain.losses[5])
    let never = try GoldenTraining(scheme: group32, delay: 10).run()
    expectSame(never, plain)
  }

  @Test func fakeQuantizationStartsWithTheStepOfTheDelay() {
    func numerics(_ plan: FakeQuantizationPlan?, _ step: Int) -> LinearNumerics {
      TrainingPlan(epochs: 1, fakeQuantization: plan, schedule: .constant(1)).numerics(step: step)
    }
    func isExact(_ numerics: LinearNumerics) -> Bool {
      if case .exact = numerics { true } else { false }
    }
    #expect(isExact(numerics(nil, 100)))
    #expect(!isExact(numerics(FakeQuantizationPlan(scheme: group32, delay: 0), 0)))
    #expect(isExact(numerics(FakeQuantizationPlan(scheme: group32, delay: 3), 2)))
    #expect(!isExact(numerics(FakeQuantizationPlan(scheme: group32, delay: 3), 3)))
  }

  /// The optimizer gets the same gradients in another order of units.
  @Test(arguments: [DType.float32, .bfloat16])
  func steppingInBackwardChangesNothing(dtype: DType) throws {
    var training = GoldenTraining(scheme: group32, dtype: dtype, steps: 4)
    let after = try training.run()
    training.stepPolicy = .immediately
    expectSame(try training.run(), after)
  }

  @Test(arguments: [nil, group32]) func keepingEqualsRecomputing(scheme: QuantizationScheme?) throws
  {
    var training = GoldenTraining(
      scheme: scheme, accumulation: 2, clipNorm: 0.5, blockPolicy: .recompute, steps: 3)
    let recomputed = try training.run()
    for policy in [BlockPolicy.keep, .offload] {
      training.blockPolicy = policy
      expectSame(try training.run(), recomputed)
    }
  }

  /// Gradients are sums over ranks, taken in another order than over a batch: fp32 rounding, spread by
  /// AdamW's first steps, and under QAT by values that fall on the other side of a rounding step
  /// (GoldenTrainingTests says how far).
  /// Three ranks: no dimension divides by three, so that all shards are padded.
  @Test(arguments: [2, 3, 4], [nil, group32])
  func ranksEqualOneProcess(worldSize: Int, scheme: QuantizationScheme?) throws {
    let training = GoldenTraining(
      scheme: scheme, steps: 3, globalBatch: worldSize == 3 ? 6 : 4)
    let one = try training.run()
    for policy in worldSize == 2 ? [BlockPolicy.recompute, .keep] : [.recompute] {
      var shared = training
      shared.blockPolicy = policy
      let spread = try onRanks(worldSize, shared)
      let distance = largestDifference(spread.losses, one.losses)
      #expect(distance < (scheme == nil ? 2e-5 : 1e-2), "\(spread.losses)")
      #expect(spread.weights.count == 21)
      for (mine, other) in zip(spread.weights, one.weights) {
        // Mean, since AdamW moves an element with a gradient near zero by lr in either direction.
        let mean = (mine - other).abs().sum().item / Double(mine.count)
        #expect(mean < (scheme == nil ? 1e-5 : 1e-4))
        #expect(mine.largestDifference(from: other) <= 2 * 3 * 1e-3)
      }
    }
  }

  @Test func ranksAgreeOnTheNormAndClip() throws {
    let training = GoldenTraining(accumulation: 2, clipNorm: 0.7, steps: 2, globalBatch: 4)
    let one = try training.run()
    let two = try onRanks(2, training)
    #expect(one.gradientNorms.count == 2 && one.gradientNorms[0] > 0.7)
    #expect(largestDifference(one.gradientNorms, two.gradientNorms) < 1e-3)
    #expect(largestDifference(one.losses, two.losses) < 2e-5)
  }

  private func onRanks(_ worldSize: Int, _ training: GoldenTraining) throws
    -> GoldenTraining.Result
  {
    let results = Mutex([Int: GoldenTraining.Result]())
    try ProcessGroup.inProcess(worldSize: worldSize) { group in
      let result = try training.run(group)
      results.withLock { $0[group.rank] = result }
    }
    let all = results.withLock { $0 }
    for rank in 1..<worldSize { #expect(all[rank]?.losses == all[0]?.losses) }
    return try #require(all[0])
  }
}
