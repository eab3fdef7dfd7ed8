// The weight pager: a unit's weights are whole only while someone visits it, and the next unit's
// all-gather is in flight meanwhile. At most two units are whole at a time. Shards may lie in host
// memory: they are gathered there, and what is whole goes to the device.
import Tensors

/// Whole weights of one unit during a visit. When the value dies they are resharded.
package struct Whole: Sendable {
  /// In the order of the unit's specification; leaves, unless they are codes.
  package let tensors: [Tensor]
}

package final class WeightPager {
  private let shards: [Shard]
  private let group: ProcessGroup
  private let home: ShardHome
  private var flights: [Int: Flight] = [:]
  private var kept: [Int: KeptUnit] = [:]
  /// Units that are whole or in flight now, and the most there ever were.
  package private(set) var mostWholeUnits = 0

  package init(_ shards: [Shard], group: ProcessGroup, home: ShardHome = .device) {
    self.shards = shards
    self.group = group
    self.home = home
  }

  /// The whole weights of unit `index`; the all-gather of unit `next` is started.
  package func take(_ index: Int, thenFetch next: Int? = nil) throws -> Whole {
    let flight = try flights.removeValue(forKey: index) ?? start(index)
    if let next { try fetch(next) }
    mostWholeUnits = max(mostWholeUnits, flights.count + 1)
    let gathered = home.visited(try flight.land())
    let wholes = shards[index].layout.wholes(of: gathered)
    return Whole(tensors: wholes.map { $0.dtype.isFloatingPoint ? $0.leaf() : $0 })
  }
  /// Starts the all-gather of unit `index` unless it is in flight.
  package func fetch(_ index: Int) throws {
    if flights[index] == nil { flights[index] = try start(index) }
  }

  /// As `take`, for a unit whose graph is kept until its backward visit: the graph holds these
  /// tensors, but `release` frees the memory under them and `refill` brings it back.
  package func takeKept(_ index: Int, thenFetch next: Int? = nil) throws -> Whole {
    let whole = try take(index, thenFetch: next)
    if group.worldSize > 1 || home != .device { kept[index] = KeptUnit(whole.tensors) }
    return whole
  }
  package func release(_ index: Int) { kept[index]?.release() }
  package func refill(_ index: Int, thenFetch next: Int? = nil) throws {
    guard let unit = kept.removeValue(forKey: index) else { return }
    let fresh = try take(index, thenFetch: next)
    unit.refill(from: fresh.tensors)
  }
  /// Forgets all-gathers in flight: after the weights have changed.
  package func reset() throws {
    for index in Array(flights.keys) { _ = try flights.removeValue(forKey: index)?.land() }
    kept.removeAll()
  }

  private func start(_ index: Int) throws -> Flight {
    let shard = shards[index].flat
    guard group.worldSize > 1 else { return Flight(nil, shard) }
    let buffer = Tensor.empty([group.worldSize * shard.count], shard.dtype, on: shard.device)
    return Flight(try group.allGather(into: buffer, from: shard, label: "\(index)"), buffer)
  }
}

/// Where shards lie while no one visits their unit (`fsdp_cpu_offload`).
package enum ShardHome: Sendable, Equatable {
  /// Where they are computed with.
  case device
  /// In host memory, with gradients and optimizer state; a visit copies to this device.
  case host(Device)

  /// Gathered weights where the visit computes with them; its own copy of what is at home elsewhere.
  func visited(_ gathered: Tensor) -> Tensor {
    guard case .host(let device) = self else { return gathered }
    return device == .cpu ? gathered.clone() : gathered.to(device)
  }
  /// Gradients, where they are reduced.
  func returned(_ gradients: Tensor) -> Tensor { self == .device ? gradients : gradients.to(.cpu) }
}

/// An all-gather under way. A class, so that it can wait in a dictionary.
private final class Flight {
  private var work: Work?
  private let buffer: Tensor
  init(_ work: consuming Work?, _ buffer: Tensor) {
    self.work = work
    self.buffer = buffer
  }
  func land() throws -> Tensor {
    if let work = work.take() { try work.wait() }
    return buffer
  }
}

/// Weights that a kept graph refers to. Writes go through aliases with a version counter of their
/// own: autograd would take a refill for a change, though the values are the same again.
private struct KeptUnit {
  private let aliases: [Tensor]
  private let bytes: [Int]
  init(_ tensors: [Tensor]) {
    aliases = tensors.map { $0.unversioned() }
    bytes = tensors.map(\.storageByteCount)
  }
  func release() { for alias in aliases { alias.resizeStorage(bytes: 0) } }
  func refill(from fresh: [Tensor]) {
    for (index, alias) in aliases.enumerated() {
      // Pieces of one process's unit are views of one storage, which is remade once.
      if alias.storageByteCount != bytes[index] { alias.resizeStorage(bytes: bytes[index]) }
      alias.copy(from: fresh[index].detach())
    }
  }
}
