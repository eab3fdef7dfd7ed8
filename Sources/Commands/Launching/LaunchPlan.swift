// What torchrun's options ask for, made definite: how many workers this machine starts, who meets
// whom where, and where their output goes. Elastic runs and restarts are refused: a failed run is
// resumed.
import Essentials
import Foundation

/// torchrun's options as they were written; nil where they were not.
package struct LaunchOptions: Sendable {
  package var nodes: String?
  package var processesPerNode: String?
  package var nodeRank: Int?
  package var rendezvousBackend: String?
  package var rendezvousEndpoint: String?
  package var runID: String?
  package var maxRestarts: Int?
  package var masterAddress: String?
  package var masterPort: Int?
  package var isStandalone = false
  package var logFolder: String?
  package var redirects: String?
  package var tee: String?
  /// Seconds until a worker that stands still is an error.
  package var timeout: Int?

  package init() {}

  /// Whether any option was given: such a run is a distributed one, even of one process.
  package var isEmpty: Bool {
    nodes == nil && processesPerNode == nil && nodeRank == nil && rendezvousBackend == nil
      && rendezvousEndpoint == nil && runID == nil && maxRestarts == nil && masterAddress == nil
      && masterPort == nil && !isStandalone && logFolder == nil && redirects == nil && tee == nil
      && timeout == nil
  }
}

package struct LaunchPlan: Sendable {
  /// The workers of this machine.
  package var workers: [WorkerEnvironment]
  package var runID: String?
  package var logs: LaunchLogs?
  /// How long workers may take to end after they are asked to.
  package var gracePeriod: Duration = .seconds(5)
  /// How long a worker may neither compute nor wait for another.
  package var timeout = WorkerTimeout.standard

  package init(workers: [WorkerEnvironment]) { self.workers = workers }

  /// - Parameter usesCUDA: Whether the configuration trains on GPUs; decides what `auto` counts.
  /// - Throws: `TuneError` `.usage` for options that make no sense or are not supported.
  package init(
    _ options: LaunchOptions, usesCUDA: Bool, machine: Machine = .current
  ) throws {
    try Self.refuseUnsupported(options)
    let nodes = try Self.nodeCount(options.nodes)
    let local = try Self.processCount(options.processesPerNode, usesCUDA, machine)
    let nodeRank = try Self.nodeRank(options, nodes: nodes)
    let (address, port) = try Self.meetingPoint(options, nodes: nodes)
    workers = (0..<local).map { localRank in
      WorkerEnvironment(
        rank: nodeRank * local + localRank, localRank: localRank, worldSize: nodes * local,
        localWorldSize: local, masterAddress: address, masterPort: port, nodeRank: nodeRank)
    }
    runID = options.runID
    logs = try LaunchLogs(options)
    if let seconds = options.timeout {
      guard (1...WorkerTimeout.longest).contains(seconds) else {
        throw Self.usage("--timeout \(seconds): must be from 1 to \(WorkerTimeout.longest) seconds")
      }
      timeout = seconds
    }
  }

  /// What `auto`, `cpu` and `gpu` count.
  package struct Machine: Sendable {
    package var cores: Int
    package var gpus: Int
    package init(cores: Int, gpus: Int) {
      self.cores = cores
      self.gpus = gpus
    }
    package static var current: Machine {
      Machine(cores: ProcessInfo.processInfo.activeProcessorCount, gpus: visibleGPUs())
    }
  }

  private static func refuseUnsupported(_ options: LaunchOptions) throws {
    if let restarts = options.maxRestarts, restarts != 0 {
      throw usage(
        "--max_restarts \(restarts): restarting workers is not supported",
        remedy: "Start the run again with resume_from_checkpoint=True.")
    }
    let backends = ["static", "c10d"]
    if let backend = options.rendezvousBackend, !backends.contains(backend) {
      throw usage(
        "--rdzv_backend \(backend) is not supported",
        remedy: "Use static, or c10d with --node_rank.")
    }
  }

  private static func nodeCount(_ text: String?) throws -> Int {
    guard let text else { return 1 }
    if text.contains(":") {
      throw usage(
        "--nnodes \(text): the number of nodes cannot change during a run",
        remedy: "Give one number.")
    }
    guard let count = Int(text), (1...65_536).contains(count) else {
      throw usage("--nnodes \(text): must be an integer of at least 1")
    }
    return count
  }

  private static func processCount(
    _ text: String?, _ usesCUDA: Bool, _ machine: Machine
  ) throws -> Int {
    switch text {
    case nil: return 1
    case "cpu": return machine.cores
    case "auto": return usesCUDA && machine.gpus > 0 ? machine.gpus : machine.cores
    case "gpu":
      guard machine.gpus > 0 else { throw usage("--nproc_per_node gpu: no GPU found") }
      return machine.gpus
    case let text?:
      guard let count = Int(text), (1...4096).contains(count) else {
        throw usage(
          "--nproc_per_node \(text): must be an integer of at least 1, auto, cpu or gpu")
      }
      return count
    }
  }

  private static func nodeRank(_ options: LaunchOptions, nodes: Int) throws -> Int {
    guard let rank = options.nodeRank else {
      guard nodes > 1 else { return 0 }
      throw usage(
        "--nnodes \(nodes) needs --node_rank",
        remedy: "Run the same command on every node with its own rank, from 0 to "
          + "\(nodes - 1).")
    }
    guard (0..<nodes).contains(rank) else {
      throw usage("--node_rank \(rank): must be from 0 to \(nodes - 1)")
    }
    return rank
  }

  private static func meetingPoint(_ options: LaunchOptions, nodes: Int) throws
    -> (address: String, port: Int)
  {
    if options.isStandalone, nodes > 1 { throw usage("--standalone is for one node") }
    if let endpoint = options.rendezvousEndpoint, !options.isStandalone {
      let colon = endpoint.lastIndex(of: ":")
      let host = colon.map { String(endpoint[..<$0]) } ?? endpoint
      let port = colon.map { Int(endpoint[endpoint.index(after: $0)...]) }
      guard !host.isEmpty, let port = port ?? WorkerEnvironment.defaultPort,
        (1...65535).contains(port)
      else {
        throw usage(
          "--rdzv_endpoint \(endpoint): must be host:port, with a port from 1 to 65535")
      }
      return (host.trimmingCharacters(in: ["[", "]"]), port)
    }
    if let port = options.masterPort, !(1...65535).contains(port) {
      throw usage("--master_port \(port): must be from 1 to 65535")
    }
    if nodes > 1 {
      guard let address = options.masterAddress else {
        throw usage(
          "--nnodes \(nodes) needs --rdzv_endpoint host:port",
          remedy: "Name node 0 and a free port on it, the same on every node.")
      }
      return (address, options.masterPort ?? WorkerEnvironment.defaultPort)
    }
    // Alone on a machine any free port does, so that runs side by side do not meet.
    return (options.masterAddress ?? "127.0.0.1", try options.masterPort ?? freePort())
  }

  static func usage(_ message: String, remedy: String? = nil) -> TuneError {
    TuneError(.usage, message, remedy: remedy)
  }
}
