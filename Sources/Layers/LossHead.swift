// Linear and cross entropy, chunk by chunk: each chunk's logits and their slope are made, used and
// dropped before the next, so that all logits never exist. Rows without a label are left out.
// `M` labelled tokens, `D` model width, `V` vocabulary.
import Quantization
import Tensors

package struct LossHead: Sendable {
  /// Chunks that the labelled tokens are split into; torchtune's `num_output_chunks`.
  package var chunkCount: Int
  package init(chunkCount: Int = 8) { self.chunkCount = max(1, chunkCount) }

  /// The slopes of the loss at the head's input and at the output weight.
  package struct Slopes {
    /// Sum of the cross entropies over labelled tokens, an fp32 scalar tensor.
    package var lossSum: Tensor
    /// [B, T, D] at the normalized input
    package var input: Tensor
    /// [V, D]
    package var weight: Tensor
  }

  /// Sum of cross entropies only. normalized [B, T, D], labels [B, T] already shifted.
  package func lossSum(_ normalized: Tensor, _ labels: Tensor, _ output: LinearWeight) -> Tensor {
    let (rows, targets, _) = labelled(normalized, labels)
    let weight = Rounded(output, dtype: normalized.dtype)
    var total = Tensor.zeros([], .float32, on: normalized.device)
    forChunks(rows.shape[0]) { start, count in
      let logits = weight.input(rows.narrow(0, from: start, count: count)).linear(weight.tensor)
      total =
        total + logits.to(.float32).crossEntropySum(targets.narrow(0, from: start, count: count))
    }
    return total
  }

  /// Loss and slopes; `seed` is the slope at the loss's sum, 1 / (label tokens of the whole step).
  ///
  /// Chunks are visited last first: the order in which autograd would add up their weight slopes.
  package func slopes(
    _ normalized: Tensor, _ labels: Tensor, _ output: LinearWeight, seed: Double
  ) -> Slopes {
    let (rows, targets, places) = labelled(normalized, labels)
    let weight = Rounded(output, dtype: normalized.dtype)
    var total = Tensor.zeros([], .float32, on: normalized.device)
    var weightSlope: Tensor?
    let rowSlopes = Tensor.empty(rows.shape, rows.dtype, on: rows.device)
    forChunks(rows.shape[0]) { start, count in
      let input = weight.input(rows.narrow(0, from: start, count: count))
      let logits = input.linear(weight.tensor).leaf()
      let loss = withGraph(true) {
        logits.to(.float32).crossEntropySum(targets.narrow(0, from: start, count: count))
      }
      let seed = Tensor.full([], seed, .float32, on: rows.device)
      let slope = gradients(of: loss, seed: seed, withRespectTo: [logits])[0]!
      rowSlopes.narrow(0, from: start, count: count).copy(from: slope.matmul(weight.tensor))
      let contribution = slope.transpose(0, 1).matmul(input)
      if let weightSlope {
        weightSlope.addInPlace(contribution)
      } else {
        weightSlope = contribution
      }
      total = total + loss.detach()
    }
    let width = normalized.shape[2]
    let input = Tensor.zeros(normalized.shape, normalized.dtype, on: normalized.device)
    input.reshape(-1, width).indexAddInPlace(0, places, rowSlopes)
    return Slopes(
      lossSum: total, input: input,
      weight: weightSlope
        ?? .zeros(weight.tensor.shape, weight.tensor.dtype, on: normalized.device))
  }

  private func labelled(_ normalized: Tensor, _ labels: Tensor) -> (
    rows: Tensor, targets: Tensor, places: Tensor
  ) {
    let flat = labels.reshape(-1)
    let places = flat.differs(from: -100).nonzero().reshape(-1)
    let rows = normalized.detach().reshape(-1, normalized.shape[2])
    return (rows.rows(places), flat.rows(places), places)
  }

  private func forChunks(_ rows: Int, _ body: (_ start: Int, _ count: Int) -> Void) {
    let size = (rows + chunkCount - 1) / max(1, chunkCount)
    guard size > 0 else { return }
    for start in stride(from: 0, to: rows, by: size).reversed() {
      body(start, min(size, rows - start))
    }
  }
}

/// The output weight as the step sees it, rounded once for all chunks.
private struct Rounded {
  let tensor: Tensor
  let roundsInput: Bool

  init(_ weight: LinearWeight, dtype: DType) {
    switch weight {
    case .exact(let t): (tensor, roundsInput) = (t.detach(), false)
    case .fakeQuantized(let t, let scheme):
      (tensor, roundsInput) = (scheme.fakeQuantize(t.detach()), true)
    case .quantized(let q): (tensor, roundsInput) = (q.dequantize(dtype), true)
    }
  }
  func input(_ rows: Tensor) -> Tensor { roundsInput ? TokenQuantization.fakeQuantize(rows) : rows }
}
