// One linear layer, plain and as QAT sees it (its input rounded per token, its weight per group),
// forward alone and with the gradients at input and weight.
//
// Where libtorch has no fast product for a dtype, a layer of useful size takes minutes: what a smaller
// one foretells to be longer than `patience` is left out, and the table says so.
// x [M, K] times weight [N, K] transposed.
import Layers
import Quantization
import Tensors

/// Seconds of a single pass.
private let patience = 8.0

func measureLinears() throws {
  var table = Table(
    "Linear layer, group size 256",
    [
      "M x K x N", "dtype", "pass", "plain ms", "GFLOP/s", "QAT ms", "QAT / plain", "spread",
      "rounds",
    ])
  for dtype in [DType.float32, .bfloat16] {
    for backward in [false, true] {
      let small = try measure(LinearLayer(1024, 1024, 1024, dtype), backward: backward, &table)
      let large = LinearLayer(2048, 4096, 4096, dtype)
      let foretold = small * large.operations / 2 / 1_073_741_824
      if foretold < patience {
        _ = try measure(large, backward: backward, foretold: foretold, &table)
      } else {
        table.add(
          large.label, dtype.label, passName(backward), "about \((foretold * 1e3).digits(0))", "-",
          "-", "-", "-", "left out")
      }
    }
  }
  table.print()
}

private func passName(_ backward: Bool) -> String { backward ? "forward + backward" : "forward" }

/// Adds a row; returns the seconds of the plain pass.
private func measure(
  _ layer: LinearLayer, backward: Bool, foretold: Double = 0, _ table: inout Table
) throws -> Double {
  let contenders = [LinearNumerics.exact, .fakeQuantized(QuantizationScheme(groupSize: 256))]
    .map { numerics in
      Contender { backward ? layer.forwardBackward(numerics) : layer.forward(numerics) }
    }
  let timings = try inTurns(
    contenders, budget: 3, rounds: foretold > 1.5 ? 1...3 : 3...30)
  let (plain, aware) = (timings[0], timings[1])
  table.add(
    layer.label, layer.x.dtype.label, passName(backward), plain.milliseconds,
    (layer.operations * (backward ? 3 : 1) / plain.median / 1e9).digits(0), aware.milliseconds,
    (aware.median / plain.median).digits(2), aware.spreadPercent, "\(plain.rounds)")
  return plain.median
}

private struct LinearLayer {
  let x: Tensor
  let weight: Tensor
  let label: String
  /// Of the forward product.
  let operations: Double

  init(_ m: Int, _ k: Int, _ n: Int, _ dtype: DType) {
    let random = RandomGenerator(seed: 2)
    x = random.normal([m, k]).to(dtype)
    weight = (random.normal([n, k]) * 0.02).to(dtype)
    label = "\(m) x \(k) x \(n)"
    operations = 2 * Double(m * k * n)
  }

  func forward(_ numerics: LinearNumerics) {
    withGraph(false) { _ = linear(x, numerics.view(weight)) }
  }
  func forwardBackward(_ numerics: LinearNumerics) {
    let leaves = [x.leaf(), weight.leaf()]
    let output = withGraph(true) { linear(leaves[0], numerics.view(leaves[1]))[0] }
    _ = gradients(
      of: output, seed: .ones(output.shape, output.dtype), withRespectTo: leaves)
  }
}
