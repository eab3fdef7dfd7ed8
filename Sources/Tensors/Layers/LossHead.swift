// Linear and cross entropy, chunk by chunk: each chunk's logits and their gradient are made, used and
// dropped before the next, so that all logits never exist. Rows without a label are left out.
// `M` labelled tokens, `D` model width, `V` vocabulary.
import Quantization
import Tensors

package struct LossHead: Sendable {
  /// Chunks that the labelled tokens are split into, torchtune's `num_output_chunks`; fewer where one
  /// would have less than `leastRows`.
  package var chunkCount: Int
  /// A product of few rows is slow, and their logits take no memory to speak of.
  package var leastRows: Int
  /// What becomes of the head's product before the loss; nil for nothing.
  private var bound: (@Sendable (Tensor) -> Tensor)?

  package init(chunkCount: Int = 8, leastRows: Int = 512) {
    self.chunkCount = max(1, chunkCount)
    self.leastRows = leastRows
  }

  /// The head of a decoder that may divide or bound its logits.
  package func forLogits(of configuration: DecoderConfiguration) -> LossHead {
    guard configuration.boundsLogits else { return self }
    var head = self
    head.bound = { configuration.bound($0) }
    return head
  }

  /// The gradients of the loss at the head's input and at the output weight.
  package struct Gradients {
    /// Sum of the cross entropies over labelled tokens, an fp32 scalar tensor.
    package var lossSum: Tensor
    /// [B, T, D] at the normalized input
    package var input: Tensor?
    /// [V, D]
    package var weight: Tensor?
  }

  /// Sum of cross entropies only. normalized [B, T, D], labels [B, T] already shifted.
  package func lossSum(_ normalized: Tensor, _ labels: Tensor, _ output: LinearWeight) -> Tensor {
    let (rows, targets, _) = labelled(normalized, labels)
    let weight = HeadWeight(output, dtype: normalized.dtype)
    var total = Tensor.zeros([], .float32, on: normalized.device)
    forChunks(rows.shape[0], vocabulary: weight.shape[0]) { start, count in
      let product = weight.logits(weight.input(rows.narrow(0, from: start, count: count)))
      let logits = bound?(product) ?? product
      total = total + logits.crossEntropySum(targets.narrow(0, from: start, count: count))
    }
    return total
  }

  /// Loss and the gradients that are asked for; `seed` is the gradient at the loss's sum,
  /// 1 / (label tokens of the whole step).
  ///
  /// Chunks are visited last first: the order in which autograd would add up their weight gradients.
  package func gradients(
    _ normalized: Tensor, _ labels: Tensor, _ output: LinearWeight, seed: Double,
    atInput: Bool = true, atWeight: Bool = true
  ) -> Gradients {
    let (rows, targets, places) = labelled(normalized, labels)
    let weight = HeadWeight(output, dtype: normalized.dtype)
    var total = Tensor.zeros([], .float32, on: normalized.device)
    var weightGradient: Tensor?
    let rowGradients = atInput ? Tensor.empty(rows.shape, rows.dtype, on: rows.device) : nil
    forChunks(rows.shape[0], vocabulary: weight.shape[0]) { start, count in
      let input = weight.input(rows.narrow(0, from: start, count: count))
      let (loss, gradient) = lossAndGradient(
        weight.logits(input), targets.narrow(0, from: start, count: count), seed: seed)
      rowGradients?.narrow(0, from: start, count: count).copy(
        from: weight.gradientAtInput(gradient))
      if atWeight {
        weightGradient = weight.gradientAtWeight(gradient, input, addingTo: weightGradient)
      }
      total = total + loss
    }
    if atWeight, weightGradient == nil {
      weightGradient = .zeros(weight.shape, normalized.dtype, on: normalized.device)
    }
    let input = rowGradients.map { rowGradients in
      let gradients = Tensor.zeros(normalized.shape, normalized.dtype, on: normalized.device)
      gradients.reshape(-1, normalized.shape[2]).indexAddInPlace(0, places, rowGradients)
      return gradients
    }
    return Gradients(lossSum: total, input: input, weight: weightGradient)
  }

  /// The loss of the head's product and the gradient at it, in the product's memory where nothing bounds it.
  private func lossAndGradient(_ product: Tensor, _ targets: Tensor, seed: Double) -> (
    loss: Tensor, gradient: Tensor
  ) {
    guard let bound else {
      return (product.crossEntropySumIntoGradients(targets, seed: seed), product)
    }
    let leaf = product.leaf()
    let logits = withGraph(true) { bound(leaf) }
    let gradient = logits.detach().clone()
    let loss = gradient.crossEntropySumIntoGradients(targets, seed: seed)
    guard let found = Tensors.gradients(of: logits, seed: gradient, withRespectTo: [leaf])[0] else {
      preconditionFailure("the logits lost their graph")
    }
    return (loss, found)
  }

  private func labelled(_ normalized: Tensor, _ labels: Tensor) -> (
    rows: Tensor, targets: Tensor, places: Tensor
  ) {
    let flat = labels.reshape(-1)
    let places = flat.differs(from: -100).nonzero().reshape(-1)
    let rows = normalized.detach().reshape(-1, normalized.shape[2])
    return (rows.rows(places), flat.rows(places), places)
  }

  /// Logits of a chunk: 64 MiB in fp32, however long the sequences are.
  private static let mostLogits = 1 << 24

  private func forChunks(
    _ rows: Int, vocabulary: Int, _ body: (_ start: Int, _ count: Int) -> Void
  ) {
    let wanted = max((rows + chunkCount - 1) / chunkCount, leastRows)
    let size = max(1, min(wanted, Self.mostLogits / vocabulary))
    for start in stride(from: 0, to: rows, by: size).reversed() {
      body(start, min(size, rows - start))
    }
  }
}

/// The output weight as the step sees it, made once for all chunks.
private enum HeadWeight {
  case exact(Tensor)
  /// Rounded, as numbers, and how its input is.
  case rounded(Tensor, InputRule)
  case packed(PackedWeight)

  init(_ weight: LinearWeight, dtype: DType) {
    switch weight {
    case .exact(let tensor): self = .exact(tensor.detach())
    case .fakeQuantized(let tensor, let scheme):
      self = .rounded(scheme.weights.fakeQuantize(tensor.detach()), scheme.inputs)
    case .packed(let codes, _): self = .packed(codes)
    case .quantized(let codes): self = .rounded(codes.dequantize(dtype), codes.scheme.inputs)
    }
  }
  /// [V, D]
  var shape: [Int] {
    switch self {
    case .exact(let tensor), .rounded(let tensor, _): tensor.shape
    case .packed(let codes): codes.shape
    }
  }
  /// What the products see of these rows; codes round them on the way.
  func input(_ rows: Tensor) -> Tensor {
    if case .rounded(_, let rule) = self { rule.fakeQuantize(rows) } else { rows }
  }
  func logits(_ input: Tensor) -> Tensor {
    switch self {
    case .exact(let tensor), .rounded(let tensor, _): input.linear(tensor)
    case .packed(let codes): input.linear([codes.codes], leaves: [nil])[0]
    }
  }
  func gradientAtInput(_ gradient: Tensor) -> Tensor {
    switch self {
    case .exact(let tensor), .rounded(let tensor, _): gradient.gradientAtInput(ofWeight: tensor)
    case .packed(let codes): codes.codes.gradientAtInput(gradient)
    }
  }
  func gradientAtWeight(_ gradient: Tensor, _ input: Tensor, addingTo sum: Tensor?) -> Tensor {
    let isCoded = if case .packed = self { true } else { false }
    return gradient.gradientAtWeight(input, roundingInput: isCoded, addingTo: sum)
  }
}
