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

/// The units that a decoder's parameters are sharded in: embedding, blocks, head.
package struct DecoderUnits: Sendable {
  package let specification: DecoderWeights<ParameterSpecification>
  /// The embedding's weight as the output head that it is too; nil where there is a head of its own.
  package let tiedHead: ParameterSpecification?
  package var blockCount: Int { specification.blocks.count }
  package var count: Int { blockCount + 2 }
  package static let embedding = 0
  package func block(_ layer: Int) -> Int { layer + 1 }
  package var head: Int { blockCount + 1 }

  package init(_ configuration: DecoderConfiguration) {
    specification = configuration.specification
    tiedHead = configuration.tiesEmbeddings ? configuration.headSpecification : nil
  }
  /// Each unit's parameters, in the order their tensors are handed about.
  package var parameters: [[ParameterSpecification]] {
    [[specification.embedding]] + specification.blocks.map(\.all) + [specification.head.all]
  }
  package func layouts(worldSize: Int) -> [ShardLayout] {
    parameters.map { ShardLayout($0.map(\.shape), worldSize: worldSize) }
  }
}

package final class Walker {
  private let decoder: Decoder
  private let units: DecoderUnits
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
    units = DecoderUnits(decoder.configuration)
    self.policy = policy
    self.lossHead = lossHead
    self.device = device
  }

  /// Forward and backward. Gradients leave through `reducer`, the embedding's last.
  /// - Parameters:
  ///   - seed: the slope at the sum of the losses, 1 / (label tokens of the whole step).
  ///   - check: sees the sum of the losses before any gradient leaves; what it throws ends the walk.
  /// - Returns: the sum of the cross entropies of this rank's labels, an fp32 scalar tensor.
  package func forwardBackward(
    _ input: StepInput, _ numerics: LinearNumerics, seed: Double, pager: UnitPager,
    reducer: GradientReducer, checkingLoss check: (Tensor) throws -> Void = { _ in }
  ) throws -> Tensor {
    try withGraph(false) {
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
      var slope = head.slope
      for layer in (0..<units.blockCount).reversed() {
        let visit = visits.removeLast()
        slope = try timeline.span("backward \(layer)", of: slope.shape) {
          try visitBackward(layer, visit, slope, input, pager, reducer)
        }
      }
      let rows = decoder.configuration.vocabularySize
      let embedding = slope.embeddingGradient(input.tokens, rows: rows)
      if let tiedSlope = head.tiedSlope { embedding.addInPlace(tiedSlope) }
      try reducer.reduce(DecoderUnits.embedding, [embedding])
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
    var x = try embed(input, pager)
    for layer in 0..<units.blockCount {
      let visit = try pager.take(units.block(layer), thenFetch: units.block(layer) + 1)
      let weights = units.blockWeights(visit.weights)
      let probe = reporting.map { nonFiniteProbe(layer: layer, report: $0) }
      x = decoder.block(x, weights, input.context, probe: probe)
    }
    return x
  }

  private func embed(_ input: StepInput, _ pager: UnitPager) throws -> Tensor {
    decoder.embed(input.tokens, try pager.embedding(thenFetch: units.block(0)))
  }
}

/// What a forward visit leaves for the backward one.
private enum Visit {
  case input(Tensor)
  case graph(input: Tensor, weights: [Tensor], output: Tensor)
}

extension Walker {
  private func visitForward(
    _ layer: Int, _ x: Tensor, _ input: StepInput, _ pager: UnitPager
  ) throws -> (output: Tensor, visit: Visit) {
    let unit = units.block(layer)
    // The last block's backward visit comes next but for the head: computing it again would save
    // little memory.
    let keeps = policy == .keep || (policy == .recompute && layer == units.blockCount - 1)
    guard keeps else {
      let visit = try pager.take(unit, thenFetch: unit + 1)
      let output = decoder.block(x, units.blockWeights(visit.weights), input.context)
      return (output, .input(policy == .offload ? x.to(.cpu, nonBlocking: true) : x))
    }
    let visit = try pager.takeKept(unit, thenFetch: unit + 1)
    let leaf = x.leaf()
    let output = withGraph(true) {
      decoder.block(leaf, units.blockWeights(visit.weights), input.context)
    }
    pager.release(unit)
    return (output.detach(), .graph(input: leaf, weights: visit.leaves, output: output))
  }

  /// The slope at the block's input; the gradients of its weights go to the reducer.
  private func visitBackward(
    _ layer: Int, _ visit: consuming Visit, _ slope: Tensor, _ input: StepInput,
    _ pager: UnitPager, _ reducer: GradientReducer
  ) throws -> Tensor {
    let unit = units.block(layer)
    let next = layer > 0 ? unit - 1 : nil
    let (leaf, weights, output): (Tensor, [Tensor], Tensor)
    switch consume visit {
    case .graph(let kept, let keptWeights, let keptOutput):
      try pager.refill(unit, thenFetch: next)
      (leaf, weights, output) = (kept, keptWeights, keptOutput)
    case .input(let x):
      let visit = try pager.take(unit, thenFetch: next)
      leaf = x.to(device).leaf()
      weights = visit.leaves
      output = withGraph(true) {
        decoder.block(
          leaf, units.blockWeights(visit.weights), input.context, valueIsRead: false)
      }
    }
    let found = gradients(of: output, seed: slope, withRespectTo: [leaf] + weights)
    let slopes = zip(found, [leaf] + weights).map { $0 ?? .zeros($1.shape, $1.dtype, on: device) }
    try reducer.reduce(unit, Array(slopes.dropFirst()))
    return slopes[0]
  }

  private struct HeadVisit {
    var lossSum: Tensor
    /// At the last block's output.
    var slope: Tensor
    /// In the order of the head's specification.
    var gradients: [Tensor]
    /// At the embedding's weight where it is the output head too.
    var tiedSlope: Tensor?
  }

  private func visitHead(
    _ x: Tensor, _ input: StepInput, seed: Double, pager: UnitPager
  ) throws -> HeadVisit {
    let weights = try headWeights(pager, thenFetch: units.blockCount)
    let leaf = x.leaf()
    let normalized = withGraph(true) { decoder.norm(leaf, weights.norm) }
    let slopes = lossHead.slopes(normalized, input.labels, weights.output, seed: seed)
    let found = gradients(
      of: normalized, seed: slopes.input, withRespectTo: [leaf, weights.norm.exactTensor])
    guard let slope = found[0], let normSlope = found[1] else {
      preconditionFailure("the head's norm lost its graph")
    }
    return HeadVisit(
      lossSum: slopes.lossSum, slope: slope,
      gradients: tied ? [normSlope] : [normSlope, slopes.weight],
      tiedSlope: tied ? slopes.weight : nil)
  }

  private func headWeights(
    _ pager: UnitPager, thenFetch next: Int? = nil
  ) throws -> (norm: LinearWeight, output: LinearWeight) {
    let head = try pager.take(units.head, thenFetch: tied ? DecoderUnits.embedding : next)
    guard tied else { return (head.weights[0], head.weights[1]) }
    let embedding = try pager.take(DecoderUnits.embedding, thenFetch: next)
    return (head.weights[0], embedding.weights[0])
  }
}

extension DecoderUnits {
  /// What stands for a block's parameters, in the order of its specification, by name.
  func blockWeights<W>(_ values: [W]) -> BlockWeights<W> {
    var rest = values.makeIterator()
    return specification.blocks[0].map { parameter in
      guard let value = rest.next() else { preconditionFailure("no value for \(parameter.name)") }
      return value
    }
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
