// The weights of the units as a step's numerics see them. Under fake quantization each rank rounds
// its own rows once, and codes and scales are what is gathered: an eighth of fp32, and forward,
// recomputing and all chunks of the loss use the same ones. The weights themselves stay sharded.
import Layers
import Quantization
import Sharding
import Tensors

/// One unit during a visit.
package struct UnitVisit {
  /// Where the slopes at the parameters go, in the order of the unit's specification.
  package let leaves: [Tensor]
  /// The same parameters as the step sees them.
  package let weights: [LinearWeight]
}

package final class UnitPager {
  private let shards: [Shard]
  private let units: DecoderUnits
  private let group: ProcessGroup
  private let home: ShardHome
  private let exact: WeightPager
  private var coded: CodedUnits?
  private var codesAreStale = true
  private var numerics = LinearNumerics.exact
  /// Units that were whole or in flight at a time, at most.
  package var mostWholeUnits: Int {
    max(exact.mostWholeUnits, coded?.pager.mostWholeUnits ?? 0)
  }

  package init(
    _ shards: [Shard], _ units: DecoderUnits, group: ProcessGroup, home: ShardHome = .device
  ) {
    self.shards = shards
    self.units = units
    self.group = group
    self.home = home
    exact = WeightPager(shards, group: group, home: home)
  }

  /// Sees the weights in this way from now on.
  package func see(_ numerics: LinearNumerics) {
    self.numerics = numerics
    guard let scheme = numerics.scheme, numerics.usesIntegers(on: device) else {
      coded = nil
      return
    }
    if coded?.scheme != scheme {
      coded = CodedUnits(shards, units, scheme, group)
      codesAreStale = true
    }
    if codesAreStale { coded?.code(shards) }
    codesAreStale = false
  }

  private var device: Device {
    if case .host(let device) = home { device } else { shards[0].flat.device }
  }

  /// The embedding's weight as it is; the gathering of unit `next` is started.
  package func embedding(thenFetch next: Int? = nil) throws -> Tensor {
    guard let coded else {
      return try exact.take(DecoderUnits.embedding, thenFetch: next).tensors[0]
    }
    if let next { try coded.pager.fetch(next) }
    return try exact.take(DecoderUnits.embedding).tensors[0]
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
    guard let coded else {
      return UnitVisit(leaves: whole.tensors, weights: whole.tensors.map(numerics.view))
    }
    return coded.visit(unit, whole)
  }
}

/// The shards of the units as bytes: of a rounded layer a row's codes and scales, of anything else
/// its numbers.
private struct CodedUnits {
  let scheme: QuantizationScheme
  let pager: WeightPager
  private let shards: [Shard]
  private let parameters: [[ParameterSpecification]]
  private let dtype: DType

  init(
    _ exact: [Shard], _ units: DecoderUnits, _ scheme: QuantizationScheme, _ group: ProcessGroup
  ) {
    self.scheme = scheme
    let dtype = exact[0].flat.dtype
    self.dtype = dtype
    var parameters = units.parameters
    // Looked up, the embedding's weight is exact; it is coded where it is the output head.
    parameters[DecoderUnits.embedding] = units.tiedHead.map { [$0] } ?? []
    self.parameters = parameters
    shards = parameters.map { parameters in
      let layout = ShardLayout(
        parameters.map {
          [
            $0.shape[0],
            scheme.covers($0)
              ? scheme.codedRowBytes(inputs: $0.shape[1])
              : $0.shape.dropFirst().reduce(dtype.byteCount, *),
          ]
        }, worldSize: group.worldSize, alignment: 64)
      return Shard(layout: layout, rank: group.rank, flat: .zeros([layout.count], .uint8))
    }
    pager = WeightPager(shards, group: group)
  }

  /// Rounds this rank's rows.
  func code(_ exact: [Shard]) {
    for (unit, parameters) in parameters.enumerated() {
      let pieces = zip(shards[unit].pieces, exact[unit].pieces)
      for (parameter, (rows, numbers)) in zip(parameters, pieces) where rows.shape[0] > 0 {
        guard scheme.covers(parameter) else {
          rows.copy(from: numbers.viewed(as: .uint8).reshape(rows.shape))
          continue
        }
        CodedWeight(rows: rows, inputs: parameter.shape[1], scheme: scheme).codes.write(numbers)
      }
    }
  }

  func visit(_ unit: Int, _ whole: Whole) -> UnitVisit {
    let views = zip(parameters[unit], whole.tensors).map { parameter, rows in
      guard scheme.covers(parameter) else {
        let leaf = rows.viewed(as: dtype).reshape(parameter.shape).leaf()
        return (leaf, LinearWeight.exact(leaf))
      }
      // Only its shape is read: one number of memory.
      let leaf = Tensor.zeros([1, 1], dtype).expand(parameter.shape[0], parameter.shape[1]).leaf()
      let codes = CodedWeight(rows: rows, inputs: parameter.shape[1], scheme: scheme)
      return (leaf, .coded(codes, slopes: leaf))
    }
    return UnitVisit(leaves: views.map(\.0), weights: views.map(\.1))
  }
}
