// Each kernel against its formula in fp64: values within a few ulps, gradients of every input, odd
// sizes, bf16 as fp32 rounded once, the same bits for any number of threads, NaN handed on.
import Foundation
import Tensors
import Testing

private let sizes = [(1, 1), (1, 7), (5, 33), (3, 64), (700, 96)]

/// A layer of two inputs of equal shape, or of an input and a row of weights.
private struct Layer: Sendable, CustomStringConvertible {
  let description: String
  let hasWeight: Bool
  let kernel: @Sendable (Tensor, Tensor) -> Tensor
  let truth: @Sendable (Tensor, Tensor) -> Tensor

  static let norm = Layer(
    description: "norm", hasWeight: true,
    kernel: { $0.rmsNorm($1, epsilon: 1e-5) },
    truth: { Truth.norm($0, $1, epsilon: 1e-5) })
  static let swiGLU = Layer(
    description: "swiGLU", hasWeight: false,
    kernel: { $0.swiGLU($1) }, truth: { Truth.swiGLU($0, $1) })

  /// Two inputs and a seed.
  func inputs(_ rows: Int, _ width: Int, _ dtype: DType = .float32) -> [Tensor] {
    let random = RandomGenerator(seed: UInt64(rows * 1000 + width))
    let x = random.normal([rows, width], standardDeviation: 3)
    let second = random.normal(hasWeight ? [width] : [rows, width], mean: 1)
    return [x, second, random.normal([rows, width])].map { $0.to(dtype) }
  }
}

@Suite struct LayerKernelTests {
  @Test(arguments: [Layer.norm, .swiGLU], sizes)
  private func equalsTheFormula(_ layer: Layer, size: (rows: Int, width: Int)) {
    let inputs = layer.inputs(size.rows, size.width)
    let ours = run([inputs[0], inputs[1]], seed: inputs[2]) { layer.kernel($0[0], $0[1]) }
    let doubles = inputs.map { $0.to(.float64) }
    let truth = run([doubles[0], doubles[1]], seed: doubles[2]) { layer.truth($0[0], $0[1]) }
    #expect(ours.output.relativeDifference(from: truth.output) <= 10 * halfStep)
    for (gradient, true_) in zip(ours.gradients, truth.gradients) {
      // A width of 1 has a gradient of almost nothing left of a difference of two numbers near 1.
      let floor = size.width == 1 && layer.hasWeight ? 1.0 : true_.abs().amax().item
      #expect(gradient.largestDifference(from: true_) <= 20 * halfStep * max(floor, 1e-3))
    }
  }

  @Test(arguments: [Layer.norm, .swiGLU], sizes)
  private func bfloat16IsRoundedOnce(_ layer: Layer, size: (rows: Int, width: Int)) {
    let inputs = layer.inputs(size.rows, size.width, .bfloat16)
    let ours = run([inputs[0], inputs[1]], seed: inputs[2]) { layer.kernel($0[0], $0[1]) }
    let wide = inputs.map { $0.to(.float32) }
    let exact = run([wide[0], wide[1]], seed: wide[2]) { layer.kernel($0[0], $0[1]) }
    #expect(ours.output.isEqual(to: exact.output.to(.bfloat16)))
    for (gradient, wide) in zip(ours.gradients, exact.gradients) {
      #expect(gradient.isEqual(to: wide.to(.bfloat16)))
    }
  }

  @Test(arguments: [Layer.norm, .swiGLU])
  private func gradientsAreThoseOfTheFunction(_ layer: Layer) {
    let inputs = layer.inputs(6, 40)
    let found = run([inputs[0], inputs[1]], seed: inputs[2]) { layer.kernel($0[0], $0[1]) }
    func value(_ x: Tensor, _ second: Tensor) -> Double {
      (layer.kernel(x, second).to(.float64) * inputs[2].to(.float64)).sum().item
    }
    for (index, gradient) in found.gradients.enumerated() {
      let direction = RandomGenerator(seed: 9).normal(inputs[index].shape)
      let expected = (gradient.to(.float64) * direction.to(.float64)).sum().item
      var up = inputs
      var down = inputs
      up[index] = inputs[index] + direction * 0x1p-8
      down[index] = inputs[index] - direction * 0x1p-8
      let measured = (value(up[0], up[1]) - value(down[0], down[1])) / 0x1p-7
      #expect(abs(measured - expected) <= 2e-3 * max(1, abs(expected)))
    }
  }

  @Test(arguments: [Layer.norm, .swiGLU])
  private func otherDTypesTakeTheOperations(_ layer: Layer) {
    let inputs = layer.inputs(5, 33, .float16)
    let ours = run([inputs[0], inputs[1]], seed: inputs[2]) { layer.kernel($0[0], $0[1]) }
    let wide = inputs.map { $0.to(.float64) }
    let truth = run([wide[0], wide[1]], seed: wide[2]) { layer.truth($0[0], $0[1]) }
    #expect(ours.output.dtype == .float16)
    #expect(ours.output.differenceInRange(from: truth.output) <= 2e-3)
    for (gradient, true_) in zip(ours.gradients, truth.gradients) {
      #expect(gradient.differenceInRange(from: true_) <= 5e-3)
    }
  }

  @Test(arguments: [DType.float32, .bfloat16])
  func aViewIsAnInputToo(_ dtype: DType) {
    let wide = RandomGenerator(seed: 4).normal([6, 80]).to(dtype)
    let (left, right) = (wide.narrow(1, from: 0, count: 40), wide.narrow(1, from: 40, count: 40))
    #expect(
      left.swiGLU(right).isEqual(to: left.contiguous().swiGLU(right.contiguous())))
    let weight = RandomGenerator(seed: 5).normal([40])
    #expect(
      right.rmsNorm(weight, epsilon: 1e-6)
        .isEqual(to: right.contiguous().rmsNorm(weight, epsilon: 1e-6)))
  }

  @Test(arguments: [Float.nan, .infinity, -.infinity])
  func whatIsNotFiniteIsHandedOn(_ bad: Float) {
    for width in [1, 5, 33] {
      let x = RandomGenerator(seed: 3).normal([3, width], mean: 1)
      x.select(0, 1).narrow(0, from: width - 1, count: 1).fill(Double(bad))
      let norm = x.rmsNorm(.ones([width]), epsilon: 1e-5)
      #expect(norm.select(0, 1).isFinite().not().nonzero().count > 0)
      #expect(norm.select(0, 0).isFinite().allTrue() && norm.select(0, 2).isFinite().allTrue())
      let gated = x.swiGLU(.ones(x.shape))
      let truth = Truth.swiGLU(x, .ones(x.shape))
      #expect(gated.isFinite().isEqual(to: truth.isFinite()))
    }
  }

  /// Gradients at a weight are sums over all rows: the one place where threads could matter.
  @Test(arguments: [DType.float32, .bfloat16])
  func threadsDoNotMatter(_ dtype: DType) {
    let threads = Devices.threads
    defer { Devices.setThreads(threads) }
    let random = RandomGenerator(seed: 11)
    let (x, up, seed) = (
      random.normal([2000, 96]).to(dtype), random.normal([2000, 96]).to(dtype),
      random.normal([2000, 96]).to(dtype)
    )
    let logits = random.normal([500, 300], standardDeviation: 4).to(dtype)
    let targets = random.integers([500], in: 0..<300)
    func all() -> [Tensor] {
      let norm = run([x, .ones([96], dtype)], seed: seed) { $0[0].rmsNorm($0[1], epsilon: 1e-5) }
      let gated = run([x, up], seed: seed) { $0[0].swiGLU($0[1]) }
      let gradients = logits.clone()
      let loss = gradients.crossEntropySumIntoGradients(targets, seed: 0.1)
      return [norm.output, gated.output, loss, gradients] + norm.gradients + gated.gradients
    }
    Devices.setThreads(1)
    let one = all()
    for count in [2, 3, 7] {
      Devices.setThreads(count)
      for (a, b) in zip(all(), one) { #expect(a.isEqual(to: b)) }
    }
  }

  @Test func theExponentialIsWithinAnUlp() {
    // Evenly over what gives a normal number, then what gives less or more.
    let x = RandomGenerator(seed: 1).uniform([1 << 20], in: -87.3...88.7)
    let truth = x.to(.float64).exp()
    #expect(x.kernelExponential().relativeDifference(from: truth) <= 2 * halfStep)
    let denormal = RandomGenerator(seed: 2).uniform([4096], in: -103.9 ... -87.3)
    let difference = denormal.kernelExponential().largestDifference(
      from: denormal.to(.float64).exp())
    #expect(difference <= 0x1p-149)
    let edges: [Float] = [0, -0.0, .infinity, -.infinity, 88.73, 200, -104.1, -1000]
    #expect(
      Tensor(edges).kernelExponential().floats == [1, 1, .infinity, 0, .infinity, .infinity, 0, 0])
    #expect(Tensor([Float.nan]).kernelExponential().floats[0].isNaN)
  }
}
