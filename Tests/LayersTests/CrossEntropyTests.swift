// The loss from logits, and its gradients written over them: against the formula in fp64.
import Foundation
import Tensors
import Testing

@Suite struct CrossEntropyTests {
  /// Logits [rows, vocabulary] and targets, every third row without one.
  private func inputs(_ rows: Int, _ vocabulary: Int, _ dtype: DType) -> (Tensor, Tensor) {
    let random = RandomGenerator(seed: UInt64(rows + vocabulary))
    let logits = random.normal([rows, vocabulary], standardDeviation: 5).to(dtype)
    let targets = random.integers([rows], in: 0..<vocabulary)
    for row in stride(from: 2, to: rows, by: 3) {
      targets.narrow(0, from: row, count: 1).fill(-100)
    }
    return (logits, targets)
  }

  @Test(
    arguments: [(1, 1), (1, 7), (5, 33), (40, 1000), (9, 5003)],
    [DType.float32, .bfloat16, .float16])
  func equalsTheFormula(size: (rows: Int, vocabulary: Int), _ dtype: DType) {
    let (logits, targets) = inputs(size.rows, size.vocabulary, dtype)
    let seed = 0.25
    let truth = run([logits.to(.float64)], seed: .full([], seed)) {
      Truth.crossEntropy($0[0], targets)
    }
    let graph = run([logits], seed: .full([], seed)) { $0[0].crossEntropySum(targets) }
    let gradients = logits.clone()
    let sum = gradients.crossEntropySumIntoGradients(targets, seed: seed)
    #expect(sum.dtype == .float32 && gradients.dtype == dtype)
    #expect(abs(sum.item - truth.output.item) <= 4 * halfStep * truth.output.item + 1e-6)
    #expect(graph.output.isEqual(to: sum))
    #expect(graph.gradients[0].isEqual(to: gradients))
    let step = dtype == .float32 ? 4 * halfStep : dtype == .bfloat16 ? 0x1p-8 : 0x1p-10
    #expect(
      gradients.relativeDifference(from: truth.gradients[0], floor: 0x1p-10 * seed)
        <= step * (dtype == .float32 ? 100 : 1.01))
  }

  @Test func bfloat16IsRoundedOnce() {
    let (logits, targets) = inputs(12, 777, .bfloat16)
    let (narrow, wide) = (logits.clone(), logits.to(.float32))
    let sums = [narrow, wide].map { $0.crossEntropySumIntoGradients(targets, seed: 0.3) }
    #expect(sums[0].isEqual(to: sums[1]))
    #expect(narrow.isEqual(to: wide.to(.bfloat16)))
  }

  @Test func largeLogitsAndEmptyOnesAreFine() {
    let logits = Tensor([1e4, -1e4, 0, -.infinity, 2, 2], [2, 3])
    let targets = Tensor([Int64(0), 1])
    let sum = logits.crossEntropySumIntoGradients(targets, seed: 1)
    #expect(abs(sum.item - log(2)) < 1e-6)
    #expect(logits.floats == [0, 0, 0, 0, -0.5, 0.5])
  }

  @Test(arguments: [Float.nan, .infinity])
  func whatIsNotFiniteIsHandedOn(_ bad: Float) {
    let (logits, targets) = inputs(5, 50, .float32)
    logits.select(0, 1).narrow(0, from: 49, count: 1).fill(Double(bad))
    let gradients = logits.clone()
    #expect(gradients.crossEntropySumIntoGradients(targets, seed: 1).item.isNaN)
    let isNaN = gradients.select(0, 1).floats.map { $0.isNaN }
    #expect(isNaN == Array(repeating: true, count: 50))
    #expect(
      gradients.select(0, 0).isFinite().allTrue() && gradients.select(0, 3).isFinite().allTrue())
  }
}
