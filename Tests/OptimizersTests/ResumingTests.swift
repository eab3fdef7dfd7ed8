// A resumed run equals one never stopped, bit for bit; over another number of ranks it equals where
// state is cut exactly. Foreign state is refused.
import Essentials
import Sharding
import Tensors
import Testing
import Training

@Suite struct ResumingTests {
  private static let kinds: [String: @Sendable () -> any Optimizer] = [
    "AdamW": { AdamW(moments: .parameterDType(isFused: true)) },
    "AdamW by operations": { AdamW(moments: .parameterDType(isFused: false)) },
    "SGD": { SGD(SGDOptions(momentum: 0.9)) },
    "SGD without momentum": { SGD(isFused: true) },
    "AdamW8bit": { AdamW(moments: .eightBits()) },
    "AdamW8bit, small blocks": { AdamW(moments: .eightBits(blockSize: 32)) },
    "nearest": { AdamW(moments: .float32, rounding: .nearest) },
    "stochastic": { AdamW(moments: .float32, rounding: .stochastic(seed: 4)) },
    "master": { AdamW(moments: .float32, rounding: .masterWeights) },
    "own, stochastic": {
      AdamW(moments: .parameterDType(isFused: true), rounding: .stochastic(seed: 4))
    },
    "by operations, master": {
      AdamW(moments: .parameterDType(isFused: false), rounding: .masterWeights)
    },
    "8 bits, stochastic": { AdamW(moments: .eightBits(), rounding: .stochastic(seed: 4)) },
    "8 bits, master": { AdamW(moments: .eightBits(), rounding: .masterWeights) },
  ]
  private static let shapes = [[66, 256], [256], [100, 64]]

  private func gradient(_ count: Int, _ step: Int) -> Tensor {
    RandomGenerator(seed: UInt64(step)).normal([count]) * 0.1
  }

  @Test(arguments: kinds.keys.sorted(), [DType.float32, .bfloat16])
  func resumedEqualsUninterrupted(kind: String, dtype: DType) throws {
    let make = try #require(ResumingTests.kinds[kind])
    var ends: [Tensor] = []
    for stopped in [false, true] {
      var optimizer = make()
      let parameter = shard(zeros: ResumingTests.shapes, dtype)
      parameter.flat.copy(from: gradient(parameter.flat.count, 99))
      for step in 1...6 {
        if stopped, step == 4 {
          let saved = optimizer.state(unit: 2, like: parameter).copied()
          optimizer = make()
          try optimizer.restore(unit: 2, like: parameter, saved)
        }
        optimizer.update(
          unit: 2, parameter, gradient: gradient(parameter.flat.count, step), learningRate: 1e-2,
          step: step)
      }
      ends.append(parameter.flat)
    }
    #expect(isIdentical(ends[0], ends[1]))
    #expect(ends[0].isFinite().allTrue())
  }

  /// Saved by one rank, resumed by three: the last of them is padded.
  @Test(arguments: ["AdamW", "AdamW8bit", "AdamW8bit, small blocks", "master"])
  func reshardedStateEquals(kind: String) throws {
    let make = try #require(ResumingTests.kinds[kind])
    let one = shard(zeros: ResumingTests.shapes, .bfloat16)
    one.flat.copy(from: gradient(one.flat.count, 99))
    let optimizer = make()
    for step in 1...3 {
      optimizer.update(
        unit: 0, one, gradient: gradient(one.flat.count, step), learningRate: 1e-2, step: step)
    }
    let saved = optimizer.state(unit: 0, like: one)
    var restored: [String: [[OptimizerStatePiece]]] = [:]
    for rank in 0..<3 {
      let part = shard(zeros: ResumingTests.shapes, .bfloat16, worldSize: 3, rank: rank)
      let cut = saved.mapValues { state in
        OptimizerState.pieces(
          zip(part.layout.pieces, state.pieces(of: one.layout)).map { piece, whole in
            whole.stretch(from: rank * piece.count, count: piece.count)
          })
      }
      let fresh = make()
      try fresh.restore(unit: 0, like: part, cut)
      for (name, state) in fresh.state(unit: 0, like: part) {
        restored[name, default: []].append(state.pieces(of: part.layout))
      }
    }
    #expect(Set(restored.keys) == Set(saved.keys))
    for (name, ranks) in restored {
      let before = try #require(saved[name]).pieces(of: one.layout)
      for (index, whole) in before.enumerated() {
        let after = OptimizerStatePiece.joined(ranks.map { $0[index] })
          .stretch(from: 0, count: whole.count).elements.to(.float32)
        let expected = whole.elements.to(.float32)
        // Of the last parameter a rank holds 34 rows of 64, too few elements to be quantized: they
        // are rounded to bf16.
        let isRounded = kind.hasPrefix("AdamW8bit") && index == 2
        let tolerance = isRounded ? expected.abs().amax().item / 256 : 0
        #expect(after.largestDifference(from: expected) <= tolerance, "\(name), \(index)")
      }
    }
  }

  @Test func blocksAndNumbersAreConverted() throws {
    let parameter = shard(zeros: [[64, 256]], .float32)
    let plain = AdamW(moments: .parameterDType(isFused: true))
    plain.update(
      unit: 0, parameter, gradient: gradient(parameter.flat.count, 1), learningRate: 1e-2, step: 1)
    let state = plain.state(unit: 0, like: parameter)
    let small = AdamW(moments: .eightBits())
    try small.restore(unit: 0, like: parameter, state)
    let kept = try elements(small.state(unit: 0, like: parameter)["exp_avg"], parameter.layout)
    let exact = try elements(state["exp_avg"], parameter.layout)
    // Half the widest step of the codebook times the largest magnitude.
    #expect(kept.largestDifference(from: exact) <= exact.abs().amax().item * 0.0071)
    #expect(kept.largestDifference(from: exact) > 0)
    try plain.restore(unit: 0, like: parameter, small.state(unit: 0, like: parameter))
    let back = try elements(plain.state(unit: 0, like: parameter)["exp_avg"], parameter.layout)
    #expect(isIdentical(back, kept))
  }

  @Test func foreignStateIsRefused() throws {
    let parameter = shard(zeros: [[4, 8]], .bfloat16)
    func refusal(_ optimizer: any Optimizer, _ state: [String: OptimizerState]) throws -> String {
      let error = #expect(throws: TuneError.self) {
        try optimizer.restore(unit: 0, like: parameter, state)
      }
      #expect(error?.code == .checkpointMismatch)
      return try #require(error).message
    }
    let zeros = OptimizerState.elements(.zeros([32]))
    let moments = ["exp_avg": zeros, "exp_avg_sq": zeros]
    #expect(
      try refusal(AdamW(moments: .parameterDType(isFused: true)), ["momentum_buffer": zeros])
        == "the saved optimizer state holds 'momentum_buffer', but AdamW keeps 'exp_avg', "
        + "'exp_avg_sq'")
    #expect(
      try refusal(
        AdamW(moments: .eightBits()), ["exp_avg": zeros, "exp_avg_sq": .elements(.zeros([31]))])
        == "the saved optimizer state 'exp_avg_sq' has 31 elements, but the shard has 32")
    #expect(try refusal(SGD(), moments).contains("SGD keeps no state"))
    #expect(
      try refusal(AdamW(moments: .float32, rounding: .masterWeights), moments).contains("'master'"))
    #expect(
      try refusal(
        AdamW(moments: .parameterDType(isFused: true)),
        ["exp_avg": .pieces([.elements(.zeros([30]))]), "exp_avg_sq": zeros]
      ).contains("30 elements for a parameter's 32"))
    #expect(
      try refusal(
        AdamW(moments: .parameterDType(isFused: true)),
        ["exp_avg": .pieces([]), "exp_avg_sq": zeros]
      ).contains("covers 0 parameters, not 1"))
    let short = QuantizedBlocks(
      .init(blockSize: 16, isSigned: true), codes: .zeros([32], .uint8), scales: .zeros([1]))
    #expect(
      try refusal(
        AdamW(moments: .eightBits()), ["exp_avg": .pieces([.blocks(short)]), "exp_avg_sq": zeros]
      ).contains("codes and scales that do not match"))
  }
}
