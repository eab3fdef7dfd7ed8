// The explicit walk: one forward and backward pass over the units of a decoder, as a loop that
// anyone can read. A unit's weights are whole only during its visit; gradients are values that go
// straight to the reducer. No hooks, no graph over the whole model.
//
// `B` batch, `T` tokens, `D` model width.
import Checkpoints
import Essentials
import Layers
import Sharding
import Tensors

/// What happens to a block's inside between its forward and its backward visit.
package enum BlockPolicy: Sendable {
  /// Only the block's input is kept; the backward visit computes the block again.
  case recompute
  /// The block's local graph is kept.
  case keep
  /// As `recompute`, the input waiting in host memory.
  case offload
}

/// One micro-batch as tensors on the device.
package struct StepInput: Sendable {
  /// [B, T] int64
  package var tokens: Tensor
  /// [B, T] int64, already shifted; -100 is no label
  package var labels: Tensor
  package var context: DecoderContext

  package init(tokens: Tensor, labels: Tensor, context: DecoderContext) {
    self.tokens = tokens
    self.labels = labels
    self.context = context
  }
}

package final class Walker {
  private let decoder: Decoder
  private let policy: BlockPolicy
  private let lossHead: LossHead
  private let device: Device
  private let timeline: Timeline?
  private var tied: Bool { decoder.configuration.tiesEmbeddings }

  package init(
    _ decoder: Decoder, policy: BlockPolicy, lossHead: LossHead = LossHead(),
    on device: Device = .cpu, timeline: Timeline? = nil
  ) {
    self.decoder = decoder
    self.timeline = timeline
    self.policy = policy
    self.lossHead = lossHead.forLogits(of: decoder.configuration)
    self.device = device
  }

  /// Forward and backward. Gradients of what is trained leave through `reducer`, the embedding's
  /// last; below the lowest trained unit nothing walks backward.
  /// - Parameters:
  ///   - seed: the gradient at the sum of the losses, 1 / (label tokens of the whole step).
  ///   - check: sees the sum of the losses before any gradient leaves; what it throws ends the walk.
  /// - Returns: the sum of the cross entropies of this rank's labels, an fp32 scalar tensor.
  package func forwardBackward(
    _ input: StepInput, _ numerics: LinearNumerics, seed: Double, pager: UnitPager,
    reducer: GradientReducer, checkingLoss check: (Tensor) throws -> Void = { _ in }
  ) throws -> Tensor {
    let units = pager.units
    return try withGraph(false) {
      timeline.span("codes of the weights") { pager.see(numerics) }
      var visits: [Visit] = []
      var x = try timeline.span("embedding", of: input.tokens.shape) { try embed(input, pager) }
      for layer in 0..<units.blockCount {
        let visit = try timeline.span("forward \(layer)", of: x.shape) {
          try visitForward(layer, x, input, pager)
        }
        x = visit.output
        visits.append(visit.visit)
      }
      let head = try timeline.span("head", of: x.shape) {
        try visitHead(x, input, seed: seed, pager: pager)
      }
      try check(head.lossSum)
      try reducer.reduce(units.head, head.gradients)
      // Nil where nothing below has a use for it.
      var gradient = head.gradient
      for layer in (0..<units.blockCount).reversed() {
        let visit = visits.removeLast()
        guard let above = gradient else { break }
        gradient = try timeline.span("backward \(layer)", of: above.shape) {
          try visitBackward(layer, visit, above, input, pager, reducer)
        }
      }
      if let gradient {
        let embedding = decoder.embeddingGradient(gradient, input.tokens)
        if let tiedGradient = head.tiedGradient { embedding.addInPlace(tiedGradient) }
        try reducer.reduce(DecoderUnits.embedding, [embedding])
      }
      try reducer.finish()
      return head.lossSum
    }
  }

  /// The sum of the cross entropies only, for validation.
  package func loss(_ input: StepInput, _ numerics: LinearNumerics, pager: UnitPager) throws
    -> Tensor
  {
    try withGraph(false) {
      pager.see(numerics)
      let x = try forward(input, pager)
      let weights = try headWeights(pager)
      return lossHead.lossSum(decoder.norm(x, weights.norm), input.labels, weights.output)
    }
  }

  /// Walks forward looking for the first linear layer whose input is not finite; for the message
  /// when a loss is not.
  package func firstNonFinite(_ input: StepInput, _ numerics: LinearNumerics, pager: UnitPager)
    throws -> String?
  {
    // The walk goes on after a find: the other ranks still wait for this one's shards.
    var found: String?
    pager.see(numerics)
    _ = try withGraph(false) { try forward(input, pager) { found = found ?? $0 } }
    try pager.reset()
    return found
  }

  private func forward(
    _ input: StepInput, _ pager: UnitPager, reporting: ((String) -> Void)? = nil
  ) throws -> Tensor {
    let units = pager.units
    var x = try embed(input, pager)
    for layer in 0..<units.blockCount {
      let visit = try pager.take(units.block(layer), thenFetch: units.block(layer) + 1)
      let weights = units.blockWeights(visit.weights)
      let probe = reporting.map { nonFiniteProbe(layer: layer, report: $0) }
      x = decoder.block(layer, x, weights, input.context, probe: probe)
    }
    return x
  }

  private func embed(_ input: StepInput, _ pager: UnitPager) throws -> Tensor {
    let (weight, dtype) = try pager.embedding(thenFetch: pager.units.block(0))
    return decoder.embed(input.tokens, weight, dtype)
  }
}

/// What a forward visit leaves for the backward one.
private enum Visit {
  case input(Tensor)
  case graph(input: Tensor, weights: [Tensor], output: Tensor)
  /// The block lies below all that is trained.
  case none
}

extension Walker {
  private func visitForward(
    _ layer: Int, _ x: Tensor, _ input: StepInput, _ pager: UnitPager
  ) throws -> (output: Tensor, visit: Visit) {
    let units = pager.units
    let unit = units.block(layer)
    // The last block's backward visit comes next but for the head: computing it again would save
    // little memory.
    let keeps = policy == .keep || (policy == .recompute && layer == units.blockCount - 1)
    guard keeps, unit >= units.lowestTrained else {
      let visit = try pager.take(unit, thenFetch: unit + 1)
      let output = decoder.block(layer, x, units.blockWeights(visit.weights), input.context)
      guard unit >= units.lowestTrained else { return (output, .none) }
      return (output, .input(policy == .offload ? x.to(.cpu, nonBlocking: true) : x))
    }
    let visit = try pager.takeKept(unit, thenFetch: unit + 1)
    let leaf = unit > units.lowestTrained ? x.leaf() : x
    let output = withGraph(true) {
      decoder.block(layer, leaf, units.blockWeights(visit.weights), input.context)
    }
    pager.release(unit)
    return (output.detach(), .graph(input: leaf, weights: visit.leaves, output: output))
  }

  /// The gradient at the block's input, unless nothing below is trained; the gradients of its trained
  /// weights go to the reducer.
  private func visitBackward(
    _ layer: Int, _ visit: consuming Visit, _ gradient: Tensor, _ input: StepInput,
    _ pager: UnitPager, _ reducer: GradientReducer
  ) throws -> Tensor? {
    let units = pager.units
    let unit = units.block(layer)
    let needsGradient = unit > units.lowestTrained
    let next = needsGradient && layer > 0 ? unit - 1 : nil
    let (leaf, weights, output): (Tensor, [Tensor], Tensor)
    switch consume visit {
    case .graph(let kept, let keptWeights, let keptOutput):
      try pager.refill(unit, thenFetch: next)
      (leaf, weights, output) = (kept, keptWeights, keptOutput)
    case .input(let x):
      let visit = try pager.take(unit, thenFetch: next)
      leaf = needsGradient ? x.to(device).leaf() : x.to(device)
      weights = visit.leaves
      output = withGraph(true) {
        decoder.block(
          layer, leaf, units.blockWeights(visit.weights), input.context, graphOnly: true)
      }
    case .none: preconditionFailure("a backward visit below all that is trained")
    }
    let wanted = (needsGradient ? [leaf] : []) + weights
    let found = zip(gradients(of: output, seed: gradient, withRespectTo: wanted), wanted)
      .map { $0 ?? .zeros($1.shape, $1.dtype, on: device) }
    try reducer.reduce(unit, Array(found.suffix(weights.count)))
    return needsGradient ? found[0] : nil
  }

  private struct HeadVisit {
    var lossSum: Tensor
    /// At the last block's output; nil where nothing below the head is trained.
    var gradient: Tensor?
    /// In the order of the head's trained parameters.
    var gradients: [Tensor]
    /// At the embedding's weight where it is the output head too.
    var tiedGradient: Tensor?
  }

  private func visitHead(
    _ x: Tensor, _ input: StepInput, seed: Double, pager: UnitPager
  ) throws -> HeadVisit {
    let units = pager.units
    let needsGradient = units.lowestTrained < units.head
    let weights = try headWeights(pager, thenFetch: needsGradient ? units.blockCount : nil)
    let trainsNorm = units.isTrained[units.head][0]
    let trainsOutput =
      tied ? units.isTrained[DecoderUnits.embedding][0] : units.isTrained[units.head][1]
    let leaf = needsGradient ? x.leaf() : x
    let normalized = withGraph(needsGradient || trainsNorm) { decoder.norm(leaf, weights.norm) }
    let found = lossHead.gradients(
      normalized, input.labels, weights.output, seed: seed,
      atInput: needsGradient || trainsNorm, atWeight: trainsOutput)
    var visit = HeadVisit(lossSum: found.lossSum, gradients: [])
    if let gradient = found.input {
      let wanted = (needsGradient ? [leaf] : []) + (trainsNorm ? [weights.norm.exactTensor] : [])
      let below = gradients(of: normalized, seed: gradient, withRespectTo: wanted).map { gradient in
        guard let gradient else { preconditionFailure("the head's norm lost its graph") }
        return gradient
      }
      if needsGradient { visit.gradient = below[0] }
      visit.gradients = Array(below.suffix(trainsNorm ? 1 : 0))
    }
    if let gradient = found.weight {
      if tied { visit.tiedGradient = gradient } else { visit.gradients.append(gradient) }
    }
    return visit
  }

  private func headWeights(
    _ pager: UnitPager, thenFetch next: Int? = nil
  ) throws -> (norm: LinearWeight, output: LinearWeight) {
    let head = try pager.take(pager.units.head, thenFetch: tied ? DecoderUnits.embedding : next)
    guard tied else { return (head.weights[0], head.weights[1]) }
    let embedding = try pager.take(DecoderUnits.embedding, thenFetch: next)
    return (head.weights[0], embedding.weights[0])
  }
}

/// Reports an input that holds NaN or infinity, or whose range overflows its dtype: its scale would
/// be infinite.
private func nonFiniteProbe(layer: Int, report: @escaping (String) -> Void) -> LayerProbe {
  { name, input in
    let rows = input.reshape(-1, input.shape.last ?? 1)
    let range = rows.amax(along: -1) - rows.amin(along: -1)
    guard !range.isFinite().allTrue() else { return }
    let row = range.isFinite().not().nonzero().int64s[0]
    report("layer \(layer), input of \(name), row \(row)")
  }
}
