// Fake-quantize passes in GB/s (a pass reads and writes the tensor once) against a copy of the same
// tensor, which is the least that such a pass can take, and against the sequence of operations.
// The smaller tensors fit into the processor's cache, and so does their copy.
// Activations [T, D] per token, weights [N, K] per group.
import Quantization
import Tensors

private let groupSize = 256

func measurePasses() throws {
  var table = Table(
    "Fake-quantize passes, group size \(groupSize)",
    [
      "pass", "dtype", "shape", "copy GB/s", "fused GB/s", "by operations GB/s", "fused / copy",
      "spread",
    ])
  for dtype in [DType.float32, .bfloat16] {
    for shape in [[2048, 4096], [2048, 512]] {
      let x = RandomGenerator(seed: 1).normal(shape).to(dtype)
      let repeats = 8_388_608 / x.count
      for pass in Pass.allCases {
        let timings = try inTurns(
          [
            Contender(repeats: repeats) { _ = x.clone() },
            Contender(repeats: repeats) { _ = pass.fused(x) },
            Contender(repeats: repeats) { _ = pass.byOperations(x) },
          ], budget: 1.5)
        let speeds = timings.map { 2 * Double(x.byteCount) / 1e9 / $0.median }
        table.add(
          pass.rawValue, dtype.label, "\(shape[0]) x \(shape[1])", speeds[0].digits(1),
          speeds[1].digits(1), speeds[2].digits(1), (speeds[1] / speeds[0]).digits(2),
          timings[1].spreadPercent)
      }
    }
  }
  table.print()
}

private enum Pass: String, CaseIterable {
  case perToken = "per token"
  case perGroup = "per group"

  func fused(_ x: Tensor) -> Tensor {
    switch self {
    case .perToken: TokenQuantization.fakeQuantize(x)
    case .perGroup: WeightRule(groupSize: groupSize).fakeQuantize(x)
    }
  }
  func byOperations(_ x: Tensor) -> Tensor {
    switch self {
    case .perToken: TokenQuantization.fakeQuantizeByFormula(x)
    case .perGroup: WeightRule(groupSize: groupSize).fakeQuantizeByFormula(x)
    }
  }
}

extension DType {
  var label: String { self == .bfloat16 ? "bf16" : "fp32" }
}
