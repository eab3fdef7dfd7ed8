// A model on this rank: its shards of every unit, read from a checkpoint row by row, and whole
// parameters gathered one unit at a time when they are saved.
import Checkpoints
import Essentials
import Layers
import Sharding
import Tensors

package struct ShardedModel {
  package let configuration: DecoderConfiguration
  package let units: DecoderUnits
  package let group: ProcessGroup
  package let home: ShardHome
  /// One a unit, in `dtype` on the device, or in host memory where that is their home.
  package let shards: [Shard]

  /// Reads this rank's rows of every parameter; nothing else of the files is touched.
  package init(
    _ configuration: DecoderConfiguration, from folder: ModelFolder, dtype: DType,
    on device: Device, group: ProcessGroup, home: ShardHome = .device
  ) throws {
    self.home = home
    self.configuration = configuration
    self.group = group
    units = DecoderUnits(configuration)
    let layouts = units.layouts(worldSize: group.worldSize)
    shards = try zip(layouts, units.parameters).map { layout, parameters in
      let flat = Tensor.zeros([layout.count], dtype, on: home == .device ? device : .cpu)
      let shard = Shard(layout: layout, rank: group.rank, flat: flat)
      for ((piece, target), parameter) in zip(zip(layout.pieces, shard.pieces), parameters) {
        let rows = piece.ownedRows(rank: group.rank)
        if !rows.isEmpty { target.copy(from: try folder.rows(parameter, rows)) }
      }
      folder.releasePages()
      return shard
    }
  }

  /// Calls `body` with every whole parameter on rank 0, one unit in memory at a time. Every rank
  /// must call it: the units are gathered.
  package func gatherEach(_ body: (ParameterSpecification, Tensor) throws -> Void) throws {
    for (unit, shard) in shards.enumerated() {
      try gather(shard.flat, like: shard) { index, whole in
        try body(units.parameters[unit][index], whole)
      }
    }
  }

  /// Calls `body` on rank 0 with the index and the whole of each parameter of one unit, when every
  /// rank gives its `flat` buffer of the unit's layout.
  package func gather(_ flat: Tensor, like shard: Shard, _ body: (Int, Tensor) throws -> Void)
    throws
  {
    let gathered = Tensor.empty([group.worldSize * flat.count], flat.dtype, on: flat.device)
    try group.allGather(into: gathered, from: flat.contiguous()).wait()
    guard group.rank == 0 else { return }
    for (index, whole) in shard.layout.wholes(of: gathered).enumerated() {
      try body(index, whole.to(.cpu))
    }
  }
}
