// Process groups over c10d: ranks that run the same program and exchange tensors. A group of one
// rank takes the same path and moves nothing.
import Essentials
import Foundation
import Tensors

/// A collective in flight: a value that must be waited for, once.
package struct Work: ~Copyable {
  private let raw: CollectiveWork?
  private let what: String
  private let rank: Int
  /// What the collective reads and writes, alive until it is done.
  private let staged: [Staged]
  /// Where it is recorded, and since when; nil when it is not.
  private let record: CollectiveRecord?

  init(
    _ raw: CollectiveWork?, what: String, rank: Int, staged: [Staged],
    record: CollectiveRecord? = nil
  ) {
    self.raw = raw
    self.what = what
    self.rank = rank
    self.staged = staged
    self.record = record
    if record != nil { raw?.noteEnd() }
  }
  /// - Throws: `TuneError` `.worker`: a peer died or did not answer in time.
  package consuming func wait() throws {
    guard let raw else { return }
    let asked = record == nil ? 0 : Timeline.now
    guard WaitingFlag.during({ raw.wait() }) else { throw failure(what, rank) }
    record?.landed(asked: asked, ended: raw.end)
    for tensor in staged { tensor.putBack() }
  }
}

/// A collective that a timeline shows: from its start to its end on a track of its own, and among the
/// work the time that was spent waiting for it.
struct CollectiveRecord {
  let timeline: Timeline
  let track: Timeline.Track
  let name: String
  let start = Timeline.now

  /// - Parameter ended: 0 when only the end of the waiting is known.
  func landed(asked: UInt64, ended: UInt64) {
    let now = Timeline.now
    timeline.add(.init("wait for \(name)", on: .work, from: asked, to: now))
    timeline.add(.init(name, on: track, from: start, to: ended > 0 ? min(ended, now) : now))
  }
}

/// A tensor as Gloo takes it: itself on the CPU, else a copy in host memory that is put back after
/// the collective.
struct Staged {
  private let tensor: Tensor
  private let isWritten: Bool
  let host: Tensor

  init(_ tensor: Tensor, isWritten: Bool) {
    self.tensor = tensor
    self.isWritten = isWritten
    host = tensor.to(.cpu)
  }
  func putBack() {
    if isWritten, tensor.device != .cpu { tensor.copy(from: host) }
  }
}

private func failure(_ what: String, _ rank: Int) -> TuneError {
  let text = lastTorchError().split(separator: "\n").first.map(String.init) ?? ""
  return TuneError(
    .worker, "\(what) failed: \(text)",
    remedy: "Another worker has probably ended; its own error says why.", at: .init(rank: rank))
}

package final class ProcessGroup: @unchecked Sendable {
  package let rank: Int
  package let worldSize: Int
  /// Where collectives are recorded.
  private let timeline: Timeline?
  private let group: CollectiveGroup?

  private init(
    rank: Int, worldSize: Int, group: CollectiveGroup?, timeline: Timeline? = nil
  ) {
    self.rank = rank
    self.timeline = timeline
    self.worldSize = worldSize
    self.group = group
  }

  /// One rank, no communication.
  package static let single = ProcessGroup(rank: 0, worldSize: 1, group: nil)

  /// Meets the other ranks at `host`:`port`, where rank 0 serves the store, and connects by Gloo.
  /// - Parameters:
  ///   - interface: the network interface to use, nil for the one the host name resolves to.
  ///   - rendezvousTimeout: seconds until all have met.
  ///   - timeout: seconds until a rank that does not answer is an error.
  package static func gloo(
    host: String, port: Int, rank: Int, worldSize: Int, interface: String? = nil,
    rendezvousTimeout: Int = 300, timeout: Int = 1800, timeline: Timeline? = nil
  ) throws -> ProcessGroup {
    guard worldSize > 1 else { return .single }
    guard let number = UInt16(exactly: port) else {
      throw TuneError(.usage, "the rendezvous port \(port) is not between 1 and 65535")
    }
    try checkResolves(host, rank: rank, timeout: rendezvousTimeout)
    return try WaitingFlag.during {
      guard
        let store = CollectiveStore(
          host: host, port: number, serves: rank == 0, isLoopback: isLoopback(host),
          world: worldSize, timeout: rendezvousTimeout)
      else {
        let reason = lastTorchError().split(separator: "\n").first.map(String.init) ?? ""
        throw TuneError(
          .worker,
          "cannot meet the other workers at \(host):\(port) within \(rendezvousTimeout) s: \(reason)",
          remedy: rank == 0
            ? "Start every node, each with its own --node_rank, and check that the port is free."
            : "Check that node 0 runs, that MASTER_ADDR and MASTER_PORT (or --rdzv_endpoint) name "
              + "it, and that the port is open.", at: .init(rank: rank))
      }
      return try connect(
        store, rank, worldSize, interface ?? (isLoopback(host) ? "lo" : nil), timeout, timeline)
    }
  }

  private static func isLoopback(_ host: String) -> Bool {
    host == "localhost" || host.hasPrefix("127.")
  }

  /// - Throws: at once where the host has no address; the store would look for it until its time is over.
  private static func checkResolves(_ host: String, rank: Int, timeout: Int) throws {
    let deadline = DispatchTime.now() + .seconds(timeout)
    while true {
      var found: UnsafeMutablePointer<addrinfo>?
      let status = getaddrinfo(host, nil, nil, &found)
      if let found { freeaddrinfo(found) }
      if status == 0 { return }
      // A name server that does not answer may do so soon.
      if status == EAI_AGAIN, DispatchTime.now() < deadline {
        Thread.sleep(forTimeInterval: 0.5)
        continue
      }
      throw TuneError(
        .network,
        "cannot find the host '\(host)' of the first node: "
          + String(cString: gai_strerror(status)),
        remedy: "Correct --rdzv_endpoint or MASTER_ADDR.", at: .init(rank: rank))
    }
  }

  private static func connect(
    _ store: CollectiveStore, _ rank: Int, _ worldSize: Int, _ interface: String?, _ timeout: Int,
    _ timeline: Timeline?
  ) throws -> ProcessGroup {
    guard
      let group = CollectiveGroup(
        gloo: store, rank: rank, world: worldSize, name: "tune", interface: interface ?? "",
        timeout: timeout)
    else { throw failure("connecting the process group", rank) }
    return ProcessGroup(rank: rank, worldSize: worldSize, group: group, timeline: timeline)
  }

  /// Runs `body` as each rank of a group of threads in this process; for tests.
  package static func inProcess(
    worldSize: Int, _ body: @escaping @Sendable (ProcessGroup) throws -> Void
  ) throws {
    guard let store = CollectiveStore.inProcess() else { throw failure("making a store", 0) }
    try runThreads(worldSize) { rank in
      guard
        let group = CollectiveGroup(
          gloo: store, rank: rank, world: worldSize, name: "threads", interface: "lo", timeout: 60)
      else { throw failure("connecting the process group", rank) }
      try body(ProcessGroup(rank: rank, worldSize: worldSize, group: group))
    }
  }
}

extension ProcessGroup {
  // Tensors must be contiguous and stay as they are until the work is waited for. `label` tells
  // collectives apart on a timeline.

  /// Sum over the ranks, in place.
  package func allReduce(_ tensor: Tensor) throws -> Work {
    try start("all-reduce", writing: tensor) { group, tensor, _ in group.allReduce(tensor) }
  }
  /// `into` [world * n] becomes the ranks' `shard` [n] one after the other.
  package func allGather(
    into: Tensor, from shard: Tensor, label: @autoclosure () -> String = ""
  ) throws -> Work {
    if worldSize == 1 { into.copy(from: shard) }
    return try start("all-gather", label, .allGather, writing: into, reading: shard) {
      group, into, shard in shard.flatMap { group.allGather(into: into, from: $0) }
    }
  }
  /// `into` [n] becomes this rank's stretch of the sum of the ranks' `whole` [world * n].
  package func reduceScatter(
    into: Tensor, from whole: Tensor, label: @autoclosure () -> String = ""
  ) throws -> Work {
    if worldSize == 1 { into.copy(from: whole) }
    return try start("reduce-scatter", label, .reduceScatter, writing: into, reading: whole) {
      group, into, whole in whole.flatMap { group.reduceScatter(into: into, from: $0) }
    }
  }
  package func broadcast(_ tensor: Tensor, from root: Int) throws -> Work {
    try start("broadcast", writing: tensor) { group, tensor, _ in
      group.broadcast(tensor, from: root)
    }
  }
  package func barrier() throws {
    guard let group else { return }
    guard let work = group.barrier() else { throw failure("starting barrier", rank) }
    try Work(work, what: "barrier", rank: rank, staged: []).wait()
  }
  /// Sums over the ranks of a few numbers, in fp64.
  package func sums(_ values: [Double]) throws -> [Double] {
    if worldSize == 1 { return values }
    let tensor = Tensor.empty([values.count], .float64)
    tensor.withMutableBytes { bytes in values.withUnsafeBytes { bytes.copyMemory(from: $0) } }
    try allReduce(tensor).wait()
    return tensor.withBytes { Array($0.bindMemory(to: Double.self)) }
  }

  private func start(
    _ what: String, _ label: () -> String = { "" },
    _ track: Timeline.Track = .otherCollectives,
    writing target: Tensor, reading source: Tensor? = nil,
    _ body: (CollectiveGroup, _ target: Tensor, _ source: Tensor?) -> CollectiveWork?
  ) throws -> Work {
    guard let group else { return Work(nil, what: what, rank: rank, staged: []) }
    let staged =
      [Staged(target, isWritten: true)] + (source.map { [Staged($0, isWritten: false)] } ?? [])
    let record = timeline.flatMap { timeline -> CollectiveRecord? in
      guard timeline.isRecording else { return nil }
      let label = label()
      return CollectiveRecord(
        timeline: timeline, track: track, name: label.isEmpty ? what : "\(what) \(label)")
    }
    guard let work = body(group, staged[0].host, staged.count > 1 ? staged[1].host : nil) else {
      throw failure("starting \(what)", rank)
    }
    return Work(work, what: what, rank: rank, staged: staged, record: record)
  }
}
