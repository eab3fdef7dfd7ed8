// The weight pager: a unit's weights are whole only while someone visits it, and the next unit's
// all-gather is in flight meanwhile. At most two units are whole at a time. Shards may lie in host
// memory: they are gathered there, and what is whole goes to the device.
import Tensors

/// Whole weights of one unit during a visit. When the value dies they are resharded.
package struct Whole: Sendable {
  /// Of each of the unit's shards, in the order of its layout.
  package let parts: [[Tensor]]
}

package final class WeightPager {
  private let units: [[Shard]]
  private let group: ProcessGroup
  private var flights: [Int: [Flight]] = [:]
  private var kept: [Int: [KeptPart]] = [:]
  /// Units that are whole or in flight now, and the most there ever were.
  package private(set) var mostWholeUnits = 0

  /// - Parameter units: the shards of each unit, which are gathered together.
  package init(_ units: [[Shard]], group: ProcessGroup) {
    self.units = units
    self.group = group
  }

  /// The whole weights of unit `index`; the all-gather of unit `next` is started.
  package func take(_ index: Int, thenFetch next: Int? = nil) throws -> Whole {
    let flights = try self.flights.removeValue(forKey: index) ?? start(index)
    if let next { try fetch(next) }
    mostWholeUnits = max(mostWholeUnits, self.flights.count + 1)
    return Whole(
      parts: try zip(units[index], flights).map { shard, flight in
        if shard.isEmpty { return [] }
        return shard.layout.wholes(of: shard.placement.visited(try flight.land()))
      })
  }
  /// Starts the all-gather of unit `index` unless it is in flight.
  package func fetch(_ index: Int) throws {
    if flights[index] == nil { flights[index] = try start(index) }
  }

  /// As `take`, for a unit whose graph is kept until its backward visit: the graph holds these
  /// tensors, but `release` frees the memory under them and `refill` brings it back.
  package func takeKept(_ index: Int, thenFetch next: Int? = nil) throws -> Whole {
    let whole = try take(index, thenFetch: next)
    // What one process has at its device is the shard itself, and stays.
    let parts = units[index].indices.filter {
      group.worldSize > 1 || units[index][$0].placement != .device
    }
    if !parts.isEmpty { kept[index] = parts.map { KeptPart($0, whole.parts[$0]) } }
    return whole
  }
  package func release(_ index: Int) { for part in kept[index] ?? [] { part.release() } }
  package func refill(_ index: Int, thenFetch next: Int? = nil) throws {
    guard let parts = kept.removeValue(forKey: index) else { return }
    let fresh = try take(index, thenFetch: next)
    for part in parts { part.refill(from: fresh.parts[part.index]) }
  }
  /// Forgets all-gathers in flight: after the weights have changed.
  package func reset() throws {
    for index in Array(flights.keys) {
      for flight in flights.removeValue(forKey: index) ?? [] { _ = try flight.land() }
    }
    kept.removeAll()
  }

  private func start(_ index: Int) throws -> [Flight] {
    try units[index].enumerated().map { part, shard in
      guard group.worldSize > 1, !shard.isEmpty else { return Flight(nil, shard.flat) }
      let buffer = Tensor.empty(
        [group.worldSize * shard.flat.count], shard.flat.dtype, on: shard.flat.device)
      let work = try group.allGather(
        into: buffer, from: shard.flat, label: part == 0 ? "\(index)" : "\(index), part \(part)")
      return Flight(work, buffer)
    }
  }
}

/// Where shards lie while no one visits their unit (`fsdp_cpu_offload`).
package enum ShardPlacement: Sendable, Equatable {
  /// Where they are computed with.
  case device
  /// In host memory, with gradients and optimizer state; a visit copies to this device.
  case host(Device)

  /// Gathered weights where the visit computes with them; its own copy of what is placed elsewhere.
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
private struct KeptPart {
  let index: Int
  private let aliases: [Tensor]
  private let bytes: [Int]
  init(_ index: Int, _ tensors: [Tensor]) {
    self.index = index
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
