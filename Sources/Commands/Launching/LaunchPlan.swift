// What torchrun's options ask for, made definite: how many workers this machine starts, who meets
// whom where, how often they are restarted, and where their output goes.
import Essentials
import Foundation

/// torchrun's options as they were written; nil where they were not.
package struct LaunchOptions: Sendable {
  package var nodes: String?
  package var processesPerNode: String?
  package var nodeRank: Int?
  package var rendezvousBackend: String?
  package var rendezvousEndpoint: String?
  package var rendezvousConfiguration: String?
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
      && rendezvousEndpoint == nil && rendezvousConfiguration == nil && runID == nil
      && maxRestarts == nil && masterAddress == nil && masterPort == nil && !isStandalone
      && logFolder == nil && redirects == nil && tee == nil
      && timeout == nil
  }
}

package struct LaunchPlan: Sendable {
  /// The workers of this machine; those of several nodes get their places when the nodes have met.
  package var workers: [WorkerEnvironment]
  /// nil for one node.
  package var rendezvous: RendezvousSettings?
  /// A host name that must exist though nobody else is met there.
  package var namedHost: String?
  /// How often workers are restarted after one has failed.
  package var maxRestarts = 0
  package var runID: String?
  package var logs: LaunchLogs?
  /// How long workers may take to end after they are asked to.
  package var gracePeriod: Duration = .seconds(5)
  /// Workers that are asked to end save first.
  package var savesOnInterrupt = false
  /// How long a worker may neither compute nor wait for another.
  package var timeout = WorkerTimeout.standard

  package init(workers: [WorkerEnvironment]) { self.workers = workers }

  /// - Parameters:
  ///   - usesCUDA: Whether the configuration trains on GPUs; decides what `auto` counts.
  ///   - variables: of the environment, where the nodes' secret may be.
  /// - Throws: `TuneError` `.usage` for options that make no sense or are not supported.
  package init(
    _ options: LaunchOptions, usesCUDA: Bool, machine: Machine = .current,
    variables: [String: String] = ProcessInfo.processInfo.environment
  ) throws {
    try Self.refuseUnsupported(options)
    let nodes = try Self.nodeCounts(options.nodes)
    let local = try Self.processCount(options.processesPerNode, usesCUDA, machine)
    try Self.checkNodeRank(options, nodes: nodes.upperBound)
    let point = try Self.meetingPoint(options, nodes: nodes.upperBound)
    workers = (0..<local).map { localRank in
      WorkerEnvironment(
        rank: localRank, localRank: localRank, worldSize: local, localWorldSize: local,
        masterAddress: "127.0.0.1", masterPort: point.port, nodeRank: 0)
    }
    if nodes.upperBound > 1 {
      rendezvous = try RendezvousSettings(
        options, host: point.address, port: point.port, nodes: nodes, variables)
    } else if !RendezvousSettings.isLoopback(point.address) {
      namedHost = point.address
    }
    maxRestarts = options.maxRestarts ?? 0
    runID = options.runID
    logs = try LaunchLogs(options)
    if let seconds = options.timeout {
      guard (1...WorkerTimeout.longest).contains(seconds) else {
        throw Self.usage("--timeout \(seconds): must be from 1 to \(WorkerTimeout.longest) seconds")
      }
      timeout = seconds
    }
  }

  /// The same with the ranks of a round of several nodes, whose workers reach the store at `port` of loopback.
  func placed(in round: Round, storePort port: Int) -> LaunchPlan {
    var plan = self
    for index in plan.workers.indices {
      plan.workers[index].rank = round.firstRank + index
      plan.workers[index].worldSize = round.worldSize
      plan.workers[index].nodeRank = round.nodeIndex
      plan.workers[index].masterPort = port
    }
    return plan
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
    if let restarts = options.maxRestarts, !(0...1_000_000).contains(restarts) {
      throw usage("--max_restarts \(restarts): must be an integer of at least 0")
    }
    let backends = ["static", "c10d"]
    if let backend = options.rendezvousBackend, !backends.contains(backend) {
      throw usage("--rdzv_backend \(backend) is not supported", remedy: "Use static or c10d.")
    }
  }

  /// torchrun's `4`, or `1:4`, the least and the most.
  private static func nodeCounts(_ text: String?) throws -> ClosedRange<Int> {
    guard let text else { return 1...1 }
    let numbers = text.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
    guard (1...2).contains(numbers.count), let least = numbers[0], let most = numbers.last ?? nil,
      least >= 1, most >= least, most <= 65_536
    else {
      throw usage(
        "--nnodes \(text): must be an integer of at least 1, or MIN:MAX with MIN of at most MAX")
    }
    return least...most
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

  private static func checkNodeRank(_ options: LaunchOptions, nodes: Int) throws {
    guard let rank = options.nodeRank else { return }
    guard (0..<nodes).contains(rank) else {
      throw usage("--node_rank \(rank): must be from 0 to \(nodes - 1)")
    }
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
