// Attention with grouped heads against one head at a time in fp64; packed rows against their samples
// on their own.
import Tensors
import Testing

@Suite struct AttentionTests {
  /// Queries, keys, values, and a seed; the heads of a token lie together, as projections leave them.
  private func inputs(
    batch: Int = 2, heads: Int, groups: Int, tokens: Int, seen: Int? = nil, width: Int
  ) -> [Tensor] {
    let random = RandomGenerator(seed: UInt64(heads * 100 + groups * 10 + tokens))
    func make(_ heads: Int, _ tokens: Int) -> Tensor {
      random.normal([batch, tokens, heads, width]).transpose(1, 2)
    }
    let seen = seen ?? tokens
    return [make(heads, tokens), make(groups, seen), make(groups, seen), make(heads, tokens)]
  }

  @Test(
    arguments: [(4, 4), (4, 2), (6, 2), (3, 1)], [(1, 8), (7, 16), (33, 64), (100, 32)])
  func equalsTheFormula(heads: (query: Int, key: Int), size: (tokens: Int, width: Int)) {
    let all = inputs(
      heads: heads.query, groups: heads.key, tokens: size.tokens, width: size.width)
    let wide = all.map { $0.to(.float64) }
    let truth = run(Array(wide.prefix(3)), seed: wide[3]) {
      Truth.attention($0[0], $0[1], $0[2], causal: true)
    }
    for (dtype, bound) in [(DType.float32, 4e-6), (.bfloat16, 4e-2), (.float64, 1e-12)] {
      let narrow = all.map { $0.to(dtype) }
      let ours = run(Array(narrow.prefix(3)), seed: narrow[3]) {
        $0[0].attention($0[1], $0[2])
      }
      #expect(ours.output.dtype == dtype)
      #expect(ours.output.differenceInRange(from: truth.output) <= bound)
      for (gradient, true_) in zip(ours.gradients, truth.gradients) {
        // A single token's scores do not matter: their gradients are what rounding leaves.
        let range = max(true_.abs().amax().item, 1)
        #expect(gradient.shape == true_.shape)
        #expect(gradient.largestDifference(from: true_) <= bound * range)
      }
    }
  }

  @Test(arguments: [DType.float32, .bfloat16, .float64])
  func aTokenSeesTheWholeCache(_ dtype: DType) {
    let all = inputs(heads: 6, groups: 3, tokens: 1, seen: 19, width: 16)
    let truth = Truth.attention(
      all[0].to(.float64), all[1].to(.float64), all[2].to(.float64), causal: false)
    let found = all[0].to(dtype).attention(all[1].to(dtype), all[2].to(dtype))
    let bound = dtype == .bfloat16 ? 2e-2 : 1e-6
    #expect(found.differenceInRange(from: truth) <= bound)
  }

  @Test(arguments: [DType.float32, .bfloat16, .float64], [(6, 3), (4, 4)])
  func severalTokensSeeTheCacheAndEachOther(
    _ dtype: DType, heads: (query: Int, key: Int)
  ) {
    let all = inputs(heads: heads.query, groups: heads.key, tokens: 7, seen: 19, width: 16)
    let truth = Truth.attention(
      all[0].to(.float64), all[1].to(.float64), all[2].to(.float64), causal: true)
    let found = all[0].to(dtype).attention(all[1].to(dtype), all[2].to(dtype))
    // As of a whole prompt: what is rounded is the same.
    let bound = dtype == .bfloat16 ? 4e-2 : dtype == .float32 ? 4e-6 : 1e-12
    #expect(found.dtype == dtype && found.differenceInRange(from: truth) <= bound)
  }

  /// Rows of samples [5, 3, 12], [20] and [1, 19]: each sample as if it were alone, to the bit.
  @Test(arguments: [DType.float32, .bfloat16, .float64])
  func packedSamplesDoNotSeeEachOther(_ dtype: DType) {
    let rows = [[5, 3, 12], [20], [1, 19]]
    let all = inputs(batch: 3, heads: 4, groups: 2, tokens: 20, width: 16).map { $0.to(dtype) }
    let packed = run(Array(all.prefix(3)), seed: all[3]) {
      $0[0].packedAttention($0[1], $0[2], lengths: rows.flatMap { $0 })
    }
    for (row, lengths) in rows.enumerated() {
      var start = 0
      for length in lengths {
        func stretch(_ t: Tensor) -> Tensor {
          t.narrow(0, from: row, count: 1).narrow(2, from: start, count: length)
        }
        let alone = run(all.prefix(3).map(stretch), seed: stretch(all[3])) {
          $0[0].attention($0[1], $0[2])
        }
        #expect(stretch(packed.output).isEqual(to: alone.output))
        for (gradient, own) in zip(packed.gradients, alone.gradients) {
          #expect(stretch(gradient).isEqual(to: own))
        }
        start += length
      }
    }
  }

  static let rules: [AttentionRule] = [
    AttentionRule(scale: 0.3), AttentionRule(window: 5), AttentionRule(window: 1),
    AttentionRule(cap: 1.5), AttentionRule(scale: 0.4, cap: 0.7, window: 4),
    AttentionRule(window: 19), AttentionRule(cap: 2, window: 40),
  ]
  /// Windows, caps and scales, of whole rows and of the last tokens of longer ones.
  @Test(arguments: rules, [(19, 19), (7, 19), (1, 19)])
  func rulesAreTheFormula(_ rule: AttentionRule, size: (tokens: Int, seen: Int)) {
    let all = inputs(heads: 6, groups: 3, tokens: size.tokens, seen: size.seen, width: 16)
    let wide = all.map { $0.to(.float64) }
    let truth = run(Array(wide.prefix(3)), seed: wide[3]) {
      Truth.attention($0[0], $0[1], $0[2], causal: true, rule)
    }
    for (dtype, bound) in [(DType.float32, 4e-6), (.bfloat16, 5e-2), (.float64, 1e-12)] {
      let narrow = all.map { $0.to(dtype) }
      let ours = run(Array(narrow.prefix(3)), seed: narrow[3]) {
        $0[0].attention($0[1], $0[2], rule)
      }
      #expect(ours.output.differenceInRange(from: truth.output) <= bound)
      for (gradient, true_) in zip(ours.gradients, truth.gradients) {
        let range = max(true_.abs().amax().item, 1)
        #expect(gradient.largestDifference(from: true_) <= bound * range)
      }
    }
  }

  @Test(arguments: rules) func rulesHoldWithinEachSample(_ rule: AttentionRule) {
    let lengths = [5, 3, 12]
    let all = inputs(batch: 1, heads: 4, groups: 2, tokens: 20, width: 16)
    let packed = all[0].packedAttention(all[1], all[2], rule, lengths: lengths)
    var start = 0
    for length in lengths {
      func stretch(_ t: Tensor) -> Tensor { t.narrow(2, from: start, count: length) }
      let alone = stretch(all[0]).attention(stretch(all[1]), stretch(all[2]), rule)
      #expect(stretch(packed).largestDifference(from: alone) <= 1e-6)
      start += length
    }
  }
}
