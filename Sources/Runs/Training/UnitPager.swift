// The weights of the units as a step's numerics see them. Under fake quantization each rank rounds
// its own rows once, and codes and scales are what is gathered: an eighth of fp32, and forward,
// recomputing and all chunks of the loss use the same ones. The weights themselves stay sharded.
import Layers
import Quantization
import Sharding
import Tensors

/// One unit during a visit.
package struct UnitVisit {
  /// Where the gradients of the trained parameters go, in the order of the unit's trained list.
  package let leaves: [Tensor]
  /// All parameters as the step sees them, in the order of the unit's specification.
  package let weights: [LinearWeight]
}

package final class UnitPager {
  package let units: DecoderUnits
  private let shards: [UnitShards]
  private let group: ProcessGroup
  private let exact: WeightPager
  private var coded: CodedUnits?
  private var codesAreStale = true
  private var numerics = LinearNumerics.exact
  /// Units that were whole or in flight at a time, at most.
  package var mostWholeUnits: Int {
    max(exact.mostWholeUnits, coded?.pager.mostWholeUnits ?? 0)
  }

  package init(_ shards: [UnitShards], _ units: DecoderUnits, group: ProcessGroup) {
    self.shards = shards
    self.units = units
    self.group = group
    exact = WeightPager(shards.map { [$0.trained, $0.frozen] }, group: group)
  }

  /// Sees the weights in this way from now on.
  package func see(_ numerics: LinearNumerics) {
    self.numerics = numerics
    guard numerics.usesIntegers(on: device) else {
      coded = nil
      return
    }
    if let coded, coded.numerics == numerics {
      // What is frozen has the codes that it had.
      if codesAreStale { coded.code(shards, frozenToo: false) }
    } else {
      let coded = CodedUnits(shards, units, numerics, group)
      coded.code(shards, frozenToo: true)
      self.coded = coded
    }
    codesAreStale = false
  }

  /// Where units are computed with.
  private var device: Device {
    let shard = shards[units.lowestTrained].trained
    if case .host(let device) = shard.placement { return device }
    return shard.flat.device
  }

  /// The embedding's weight as its lookup sees it; the gathering of unit `next` is started.
  package func embedding(thenFetch next: Int? = nil) throws -> (LinearWeight, DType) {
    if let coded, let next { try coded.pager.fetch(next) }
    let whole = try exact.take(DecoderUnits.embedding, thenFetch: coded == nil ? next : nil)
    // It is trained or frozen.
    let weight = whole.parts[0].first ?? whole.parts[1][0]
    return (numerics.view(weight, as: units.specification.embedding), weight.dtype)
  }
  package func take(_ unit: Int, thenFetch next: Int? = nil) throws -> UnitVisit {
    try visit(unit, (coded?.pager ?? exact).take(unit, thenFetch: next))
  }
  /// As `take`, for a unit whose graph is kept until its backward visit.
  package func takeKept(_ unit: Int, thenFetch next: Int? = nil) throws -> UnitVisit {
    try visit(unit, (coded?.pager ?? exact).takeKept(unit, thenFetch: next))
  }
  package func release(_ unit: Int) { (coded?.pager ?? exact).release(unit) }
  package func refill(_ unit: Int, thenFetch next: Int? = nil) throws {
    try (coded?.pager ?? exact).refill(unit, thenFetch: next)
  }
  /// The weights have changed: forgets what was gathered of them.
  package func reset() throws {
    try exact.reset()
    try coded?.pager.reset()
    codesAreStale = true
  }

  private func visit(_ unit: Int, _ whole: Whole) -> UnitVisit {
    if let coded { return coded.visit(unit, whole) }
    let leaves = whole.parts[0].map { $0.leaf() }
    let tensors = units.merged(unit, trained: leaves, frozen: whole.parts[1])
    let weights = zip(tensors, units.visited(unit)).map { numerics.view($0, as: $1) }
    return UnitVisit(leaves: leaves, weights: weights)
  }
}

/// The shards of the units as bytes: of a layer that is multiplied as codes a row's codes and scales, of
/// anything else its numbers.
private struct CodedUnits {
  let numerics: LinearNumerics
  let pager: WeightPager
  private let units: DecoderUnits
  /// One a unit, trained and frozen parameters in one.
  private let shards: [Shard]
  private let parameters: [[ParameterSpecification]]
  private let dtypes: [[DType]]
  /// Of each parameter that is multiplied as codes.
  private let schemes: [[QuantizationScheme?]]

  init(
    _ exact: [UnitShards], _ units: DecoderUnits, _ numerics: LinearNumerics,
    _ group: ProcessGroup
  ) {
    self.numerics = numerics
    self.units = units
    var parameters = units.parameters
    // The embedding is looked up elsewhere; it is here where it is the output head.
    parameters[DecoderUnits.embedding] = units.tiedHead.map { [$0] } ?? []
    self.parameters = parameters
    let schemes = parameters.map { unit in
      unit.map { parameter -> QuantizationScheme? in
        guard let scheme = numerics.plan?.scheme(of: parameter),
          numerics.usesIntegers(scheme, on: .cpu)
        else { return nil }
        return scheme
      }
    }
    self.schemes = schemes
    let dtypes = zip(exact, units.isTrained).map { shards, isTrained in
      isTrained.map { $0 ? shards.trained.flat.dtype : shards.frozen.flat.dtype }
    }
    self.dtypes = dtypes
    shards = zip(zip(parameters, schemes), dtypes).map { coded, dtypes in
      let layout = ShardLayout(
        zip(zip(coded.0, coded.1), dtypes).map { coded, dtype in
          let (parameter, scheme) = coded
          return [
            parameter.shape[0],
            scheme?.codedRowBytes(inputs: parameter.shape[1])
              ?? parameter.shape.dropFirst().reduce(dtype.byteCount, *),
          ]
        }, worldSize: group.worldSize, alignment: 64)
      return Shard(layout: layout, rank: group.rank, flat: .zeros([layout.count], .uint8))
    }
    pager = WeightPager(shards.map { [$0] }, group: group)
  }

  /// Rounds this rank's rows.
  func code(_ exact: [UnitShards], frozenToo: Bool) {
    for (unit, parameters) in parameters.enumerated() {
      let exact = units.merged(
        unit, trained: exact[unit].trained.pieces, frozen: exact[unit].frozen.pieces)
      let pieces = zip(zip(shards[unit].pieces, exact), units.isTrained[unit])
      for ((parameter, scheme), ((rows, numbers), isTrained)) in zip(
        zip(parameters, schemes[unit]), pieces)
      where rows.shape[0] > 0 && (isTrained || frozenToo) {
        guard let scheme else {
          rows.copy(from: numbers.viewed(as: .uint8).reshape(rows.shape))
          continue
        }
        PackedWeight(rows: rows, inputs: parameter.shape[1], scheme: scheme).codes.write(numbers)
      }
    }
  }

  func visit(_ unit: Int, _ whole: Whole) -> UnitVisit {
    var (leaves, weights) = ([Tensor](), [LinearWeight]())
    for (index, (parameter, rows)) in zip(parameters[unit], whole.parts[0]).enumerated() {
      let dtype = dtypes[unit][index]
      let scheme = schemes[unit][index]
      // Of a coded weight only the shape is read: one number of memory.
      var tensor =
        scheme != nil
        ? Tensor.zeros([1, 1], dtype).expand(parameter.shape[0], parameter.shape[1])
        : rows.viewed(as: dtype).reshape(parameter.shape)
      if units.isTrained[unit][index] {
        tensor = tensor.leaf()
        leaves.append(tensor)
      }
      weights.append(
        scheme.map {
          .packed(
            PackedWeight(rows: rows, inputs: parameter.shape[1], scheme: $0), gradients: tensor)
        } ?? numerics.view(tensor, as: parameter))
    }
    return UnitVisit(leaves: leaves, weights: weights)
  }
}
