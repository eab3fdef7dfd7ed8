// A small random decoder, whole and sharded, and the ordinary whole-graph gradient of it: the truth
// that the walk is measured against.
import Checkpoints
import Layers
import Sharding
import Tensors

@testable import Training

struct Toy {
  let configuration: DecoderConfiguration
  let weights: DecoderWeights<Tensor>
  let units: DecoderUnits
  let decoder: Decoder

  init(tied: Bool, dtype: DType = .float32, layers: Int = 3, seed: UInt64 = 1) {
    configuration = DecoderConfiguration(
      vocabularySize: 101, layerCount: layers, headCount: 4, keyValueHeadCount: 2, width: 64,
      hiddenWidth: 96, maximumSequenceLength: 64, tiesEmbeddings: tied)
    let generator = RandomGenerator(seed: seed)
    weights = configuration.specification.map { specification in
      specification.kind == .norm
        ? generator.normal(specification.shape, mean: 1, standardDeviation: 0.1).to(dtype)
        : generator.normal(specification.shape, standardDeviation: 0.05).to(dtype)
    }
    units = DecoderUnits(configuration)
    decoder = Decoder(configuration)
  }

  /// A checkpoint, whole.
  init(_ folder: ModelFolder) throws {
    configuration = folder.configuration.decoder
    weights = try configuration.specification.map { try folder.whole($0).clone() }
    units = DecoderUnits(configuration)
    decoder = Decoder(configuration)
  }

  /// Rows of a batch of `count` rows; row i is the same whatever the range.
  func input(rows: Range<Int>, tokens: Int = 24, packed: [[Int]]? = nil) -> StepInput {
    let generator = RandomGenerator(seed: 7)
    let ids = generator.integers([8, tokens], in: 0..<configuration.vocabularySize)
    let labels = generator.integers([8, tokens], in: 0..<configuration.vocabularySize)
    let hidden = generator.uniform([8, tokens], in: 0...1).isLess(than: 0.25)
    func part(_ t: Tensor) -> Tensor {
      t.narrow(0, from: rows.lowerBound, count: rows.count).contiguous()
    }
    let masked = Tensor.choose(hidden, .full([], -100, .int64), else: labels)
    return StepInput(
      tokens: part(ids), labels: part(masked),
      context: DecoderContext(
        angles: decoder.rotary.angles(nil, tokens: tokens),
        reach: packed.map { .withinSamples($0) } ?? .causal))
  }

  /// - Parameter units: which parameters are trained; nil for all of them.
  func shards(
    rank: Int, worldSize: Int, _ units: DecoderUnits? = nil, placement: ShardPlacement = .device
  ) -> [UnitShards] {
    let units = units ?? self.units
    let groups = [[weights.embedding]] + weights.blocks.map(\.all) + [weights.head.all]
    func shard(_ layout: ShardLayout, _ tensors: [Tensor]) -> Shard {
      let all = tensors.isEmpty ? Tensor.zeros([0]) : layout.scatterOrder(tensors)
      return Shard(
        layout: layout, rank: rank,
        flat: all.narrow(0, from: rank * layout.count, count: layout.count).clone(),
        placement: placement)
    }
    return units.layouts(worldSize: worldSize).enumerated().map { unit, layouts in
      let tensors = zip(groups[unit], units.isTrained[unit])
      return UnitShards(
        trained: shard(layouts.trained, tensors.filter(\.1).map(\.0)),
        frozen: shard(layouts.frozen, tensors.filter { !$0.1 }.map(\.0)))
    }
  }

  /// The ordinary way: one graph over the whole model. Gradients in the order of `weights.all`.
  func wholeGraph(_ input: StepInput, _ numerics: LinearNumerics, seed: Double) -> (
    loss: Double, gradients: [Tensor]
  ) {
    let leaves = weights.map { $0.leaf() }
    return withGraph(true) {
      let specification = configuration.specification
      var x = decoder.embed(
        input.tokens, numerics.view(leaves.embedding, as: specification.embedding),
        leaves.embedding.dtype)
      for (layer, block) in leaves.blocks.enumerated() {
        var parameters = specification.blocks[layer].all.makeIterator()
        let seen = block.map { numerics.view($0, as: parameters.next()!) }
        x = decoder.block(layer, x, seen, input.context)
      }
      let normalized = decoder.norm(x, .exact(leaves.head.norm))
      let places = input.labels.reshape(-1).differs(from: -100).nonzero().reshape(-1)
      let rows = normalized.reshape(-1, configuration.width).rows(places)
      let targets = input.labels.reshape(-1).rows(places)
      let output = numerics.view(
        leaves.head.output ?? leaves.embedding, as: configuration.headSpecification)
      let size = (rows.shape[0] + 7) / 8
      var total = Tensor.zeros([])
      for start in stride(from: 0, to: rows.shape[0], by: size) {
        let count = min(size, rows.shape[0] - start)
        let logits = decoder.logits(
          ofNormalized: rows.narrow(0, from: start, count: count), output)
        total =
          total
          + logits.to(.float32).crossEntropySum(targets.narrow(0, from: start, count: count))
      }
      let found = gradients(of: total, seed: .full([], seed), withRespectTo: leaves.all)
      return (total.item, zip(found, leaves.all).map { $0 ?? .zeros($1.shape, $1.dtype) })
    }
  }
}

/// The walk on `rows` of the batch; whole gradients, gathered, in the order of `weights.all`; of a
/// run that trains some parameters only, theirs in that order.
func walk(
  _ toy: Toy, _ input: StepInput, _ numerics: LinearNumerics, seed: Double, policy: BlockPolicy,
  group: ProcessGroup = .single, placement: ShardPlacement = .device,
  training names: Set<String>? = nil
) throws -> (loss: Double, gradients: [Tensor], mostWholeUnits: Int) {
  let units = DecoderUnits(toy.configuration, training: names)
  let shards = toy.shards(rank: group.rank, worldSize: group.worldSize, units, placement: placement)
  let pager = UnitPager(shards, units, group: group)
  var found: [Int: Tensor] = [:]
  let reducer = GradientReducer(shards.map(\.trained), group: group) { found[$0] = $1 }
  let walker = Walker(toy.decoder, policy: policy, lossHead: LossHead(leastRows: 1))
  let sum = try walker.forwardBackward(input, numerics, seed: seed, pager: pager, reducer: reducer)
  var all: [Tensor] = []
  for unit in 0..<units.count where !units.trained[unit].isEmpty {
    let layout = shards[unit].trained.layout
    let gathered = Tensor.empty([group.worldSize * layout.count], found[unit]!.dtype)
    try group.allGather(into: gathered, from: found[unit]!).wait()
    all += layout.wholes(of: gathered)
  }
  let loss = try group.sums([sum.item])[0]
  return (loss, all, pager.mostWholeUnits)
}
