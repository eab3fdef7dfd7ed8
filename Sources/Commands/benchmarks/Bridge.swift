// What one operation costs apart from its work: a one-element add through the Swift tensors, through
// the plain C function under them, and through Python.
import CTorch
import Tensors

func measureBridge(_ peer: AskedProcess?) throws {
  let repeats = 20_000
  let (a, b) = (Tensor.ones([1]), Tensor.ones([1]))
  var contenders = [
    Contender(repeats: repeats) { _ = a + b },
    Contender(repeats: repeats) { if let sum = ct_add(a.raw, b.raw) { ct_release(sum) } },
  ]
  if let peer { contenders.append(Contender(measuredBy: { try peer.number("add \(repeats)") })) }
  let timings = try inTurns(contenders, budget: 3)
  var table = Table("One-element add", ["through", "ns", "spread", "x raw C"])
  for (name, timing) in zip(["Swift Tensor", "raw C function", "Python torch"], timings) {
    table.add(
      name, (timing.median * 1e9).digits(0), timing.spreadPercent,
      (timing.median / timings[1].median).digits(2))
  }
  table.print()
}
