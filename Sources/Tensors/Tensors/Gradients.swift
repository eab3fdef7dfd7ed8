// Local autograd. No tensor carries a gradient about: gradients are values that a call returns.
import CTorch

/// Runs `body` with graphs kept or not; the setting is per thread and restored.
package func withGraph<R>(_ on: Bool, _ body: () throws -> R) rethrows -> R {
  let before = ct_grad_enabled()
  ct_set_grad_enabled(on)
  defer { ct_set_grad_enabled(before) }
  return try body()
}

/// The gradient of `output`, seeded with `seed` (ones when nil), at each of `inputs`.
///
/// `inputs` must be leaves that `output` was computed from; one that was not used has no gradient.
package func gradients(
  of output: Tensor, seed: Tensor? = nil, withRespectTo inputs: [Tensor],
  keepingGraph: Bool = false,
  file: StaticString = #fileID, line: UInt = #line
) -> [Tensor?] {
  let outputs: [ct_tensor?] = [output.raw]
  let seeds: [ct_tensor?] = [seed?.raw]
  var found = [ct_tensor?](repeating: nil, count: inputs.count)
  done(
    ct_gradients(
      outputs, seeds, 1, inputs.map { $0.raw }, Int32(inputs.count), keepingGraph, &found),
    file, line)
  return found.map { $0.map(Tensor.init(owning:)) }
}
