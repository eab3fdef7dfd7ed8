// The forward product of a large linear layer: ours in integers, as QAT and quantized models take it,
// against ours in floating point and, where a Python with torch is at hand, against libtorch's own
// `at::linear` and `_int_mm`, all in turns. The latter multiplies whole rows of int8 without scales, so it
// does less than a quantized layer needs.
// x [M, K] times weight [N, K] transposed.
import Foundation
import Layers
import Quantization
import Tensors

private struct ProductCase {
  let (m, k, n): (Int, Int, Int)
  var operations: Double { 2 * Double(m * k * n) }
  var words: String { "\(m) \(k) \(n)" }

  func ours(_ numerics: LinearNumerics, _ dtype: DType) -> Contender {
    let random = RandomGenerator(seed: 5)
    let x = random.normal([m, k]).to(dtype)
    let weight = numerics.view((random.normal([n, k]) * 0.02).to(dtype))
    return Contender { withGraph(false) { _ = linear(x, weight) } }
  }
}

func measureIntegerProducts(_ peer: AskedProcess?) throws {
  let shapes = [ProductCase(m: 512, k: 2048, n: 5632), ProductCase(m: 2048, k: 4096, n: 4096)]
  var table = Table(
    "Products of a linear layer, weights coded beforehand; GOPS counts a product and a sum as two",
    ["product", "M x K x N", "ms", "GOPS", "times at::linear bf16", "spread", "rounds"])
  for shape in shapes { try measure(shape, peer, &table) }
  table.print()
}

private func measure(_ shape: ProductCase, _ peer: AskedProcess?, _ table: inout Table) throws {
  var contenders: [(name: String, contender: Contender)] = []
  for groupSize in [256, 32] {
    let numerics = LinearNumerics.fakeQuantized(QuantizationScheme(groupSize: groupSize))
    for dtype in [DType.float32, .bfloat16] {
      contenders.append(
        ("int8 x int4, group \(groupSize), \(dtype.label)", shape.ours(numerics, dtype)))
    }
  }
  for dtype in [DType.float32, .bfloat16] {
    contenders.append(("floating point, \(dtype.label)", shape.ours(.exact, dtype)))
  }
  var yardstick: Int?
  if let peer {
    for (name, question) in [
      ("libtorch at::linear, fp32", "linear float32"),
      ("libtorch at::linear, bf16", "linear bfloat16"), ("libtorch _int_mm", "int_mm"),
    ] {
      if question.hasSuffix("bfloat16") { yardstick = contenders.count }
      contenders.append(
        (name, Contender(measuredBy: { try peer.number("\(question) \(shape.words)") })))
    }
  }
  let timings = try inTurns(contenders.map(\.contender), budget: 20, rounds: 5...15)
  for (row, timing) in zip(contenders, timings) {
    table.add(
      row.name, shape.words.replacingOccurrences(of: " ", with: " x "), timing.milliseconds,
      (shape.operations / timing.median / 1e9).digits(0),
      yardstick.map { (timings[$0].median / timing.median).digits(2) } ?? "-",
      timing.spreadPercent, "\(timing.rounds)")
  }
}
