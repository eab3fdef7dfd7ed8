// A model on this rank: its shards of every unit, read from a checkpoint row by row, and whole
// parameters gathered one unit at a time when they are saved.
import Checkpoints
import Essentials
import Layers
import Sharding
import Tensors
import WeightFiles

package struct ShardedModel {
  package let configuration: DecoderConfiguration
  package let units: DecoderUnits
  package let group: ProcessGroup
  /// One a unit, on the device or offloaded to the host.
  package let shards: [UnitShards]

  /// What is trained, a shard a unit.
  package var trained: [Shard] { shards.map(\.trained) }

  /// Reads this rank's rows of every parameter; nothing else of the files is touched.
  /// - Parameter trainedNames: the parameters that are trained; nil for all of them.
  package init(
    _ configuration: DecoderConfiguration, from folder: any WeightSource, dtype: DType,
    on device: Device, group: ProcessGroup, placement: ShardPlacement = .device,
    training trainedNames: Set<String>? = nil
  ) throws {
    self.configuration = configuration
    self.group = group
    let units = DecoderUnits(configuration, training: trainedNames)
    self.units = units
    func read(_ layout: ShardLayout, _ parameters: [ParameterSpecification]) throws -> Shard {
      let flat = Tensor.zeros([layout.count], dtype, on: placement == .device ? device : .cpu)
      let shard = Shard(layout: layout, rank: group.rank, flat: flat, placement: placement)
      for ((piece, target), parameter) in zip(zip(layout.pieces, shard.pieces), parameters) {
        let rows = piece.ownedRows(rank: group.rank)
        guard !rows.isEmpty else { continue }
        target.copy(from: try folder.rows(parameter, rows))
        try folder.requireFinite(target, of: parameter)
      }
      return shard
    }
    shards = try units.layouts(worldSize: group.worldSize).enumerated().map { unit, layouts in
      let shards = UnitShards(
        trained: try read(layouts.trained, units.trained[unit]),
        frozen: try read(layouts.frozen, units.frozen[unit]))
      folder.releasePages()
      return shards
    }
  }

  /// Calls `body` with every whole parameter on rank 0, one unit in memory at a time. Every rank
  /// must call it: the units are gathered.
  package func gatherEach(_ body: (ParameterSpecification, Tensor) throws -> Void) throws {
    for (unit, shards) in shards.enumerated() {
      let (trained, frozen) = (try gather(shards.trained), try gather(shards.frozen))
      guard group.rank == 0 else { continue }
      let wholes = units.merged(unit, trained: trained, frozen: frozen)
      for (parameter, whole) in zip(units.parameters[unit], wholes) {
        try body(parameter, whole.to(.cpu))
      }
    }
  }

  /// The whole parameters of a list on rank 0, nothing on others.
  private func gather(_ shard: Shard) throws -> [Tensor] {
    if shard.isEmpty { return [] }
    let flat = shard.flat
    let gathered = Tensor.empty([group.worldSize * flat.count], flat.dtype, on: flat.device)
    try group.allGather(into: gathered, from: flat.contiguous()).wait()
    return group.rank == 0 ? shard.layout.wholes(of: gathered) : []
  }
}
