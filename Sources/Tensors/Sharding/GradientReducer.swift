// The gradient reducer: a unit's gradients are summed over the ranks and each rank keeps its own
// shard. One reduce-scatter is in flight while the next block computes.
import Tensors

package final class GradientReducer {
  private let group: ProcessGroup
  private let shards: [Shard]
  private var flight: ReduceFlight?
  /// Called with a unit's summed gradient shard, in the order the units were handed in.
  private let step: (_ unit: Int, _ gradient: Tensor) throws -> Void

  /// - Parameter shards: what is trained, one a unit. A gradient goes where its shard is placed.
  package init(
    _ shards: [Shard], group: ProcessGroup,
    step: @escaping (_ unit: Int, _ gradient: Tensor) throws -> Void
  ) {
    self.shards = shards
    self.group = group
    self.step = step
  }

  /// Starts the reduction of unit `index`, then waits for the one before and steps it. A unit
  /// with no gradients is passed over.
  package func reduce(_ index: Int, _ gradients: [Tensor]) throws {
    guard !gradients.isEmpty else { return }
    let layout = shards[index].layout
    let whole = shards[index].placement.returned(layout.scatterOrder(gradients))
    let next: ReduceFlight
    if group.worldSize == 1 {
      next = ReduceFlight(index, nil, whole)
    } else {
      let shard = Tensor.empty([layout.count], whole.dtype, on: whole.device)
      next = ReduceFlight(
        index, try group.reduceScatter(into: shard, from: whole, label: "\(index)"), shard)
    }
    let previous = flight
    flight = next
    try previous?.land(step)
  }
  /// Waits for what is in flight and steps it.
  package func finish() throws {
    let last = flight
    flight = nil
    try last?.land(step)
  }
}

private final class ReduceFlight {
  private let unit: Int
  private var work: Work?
  private let shard: Tensor
  init(_ unit: Int, _ work: consuming Work?, _ shard: Tensor) {
    self.unit = unit
    self.work = work
    self.shard = shard
  }
  func land(_ step: (Int, Tensor) throws -> Void) throws {
    if let work = work.take() { try work.wait() }
    try step(unit, shard)
  }
}
