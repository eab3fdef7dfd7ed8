// c10d of the bridge: a store where ranks meet, a Gloo group of them, and collectives as work that is
// waited for. A failure is nil or false; `lastTorchError()` says what it was.
import CTorch

/// Where ranks find each other.
package final class CollectiveStore: @unchecked Sendable {
  fileprivate let raw: ct_store

  /// A store over TCP; the rank that `serves` it is one of the `world` clients, too.
  /// - Parameters:
  ///   - isLoopback: the host is this machine, and no other is to reach the store.
  ///   - timeout: seconds.
  package init?(
    host: String, port: UInt16, serves: Bool, isLoopback: Bool, world: Int, timeout: Int
  ) {
    guard
      let raw = ct_store_tcp(host, port, serves, isLoopback, Int32(world), Int32(timeout))
    else {
      return nil
    }
    self.raw = raw
  }
  private init(raw: ct_store) { self.raw = raw }
  deinit { ct_store_free(raw) }

  /// A store for threads of one process.
  package static func inProcess() -> CollectiveStore? {
    ct_store_in_process().map(CollectiveStore.init(raw:))
  }
}

/// A rank's place in a Gloo group. Tensors are contiguous and on the CPU, and must stay as they are until
/// the work is waited for.
package final class CollectiveGroup: @unchecked Sendable {
  private let raw: ct_group
  /// Outlives the group, which uses it.
  private let store: CollectiveStore

  /// - Parameters:
  ///   - interface: the network interface, empty for the one that the host name resolves to.
  ///   - timeout: seconds.
  package init?(
    gloo store: CollectiveStore, rank: Int, world: Int, name: String, interface: String,
    timeout: Int
  ) {
    guard
      let raw = ct_group_gloo(
        store.raw, Int32(rank), Int32(world), name, interface, Int32(timeout))
    else { return nil }
    self.raw = raw
    self.store = store
  }
  deinit { ct_group_free(raw) }

  package func allReduce(_ tensor: Tensor) -> CollectiveWork? {
    CollectiveWork(ct_all_reduce(raw, tensor.raw))
  }
  package func allGather(into: Tensor, from shard: Tensor) -> CollectiveWork? {
    CollectiveWork(ct_all_gather(raw, into.raw, shard.raw))
  }
  package func reduceScatter(into: Tensor, from whole: Tensor) -> CollectiveWork? {
    CollectiveWork(ct_reduce_scatter(raw, into.raw, whole.raw))
  }
  package func broadcast(_ tensor: Tensor, from root: Int) -> CollectiveWork? {
    CollectiveWork(ct_broadcast(raw, tensor.raw, Int32(root)))
  }
  package func barrier() -> CollectiveWork? { CollectiveWork(ct_barrier(raw)) }
}

/// A collective in flight.
package final class CollectiveWork {
  private let raw: ct_work

  fileprivate init?(_ raw: ct_work?) {
    guard let raw else { return nil }
    self.raw = raw
  }
  deinit { ct_work_free(raw) }

  package func wait() -> Bool { ct_work_wait(raw) }
  /// Notes from now on when the work ends.
  package func noteEnd() { ct_work_note_end(raw) }
  /// Nanoseconds of the monotonic clock; 0 when the end was not noted.
  package var end: UInt64 { ct_work_end(raw) }
}
