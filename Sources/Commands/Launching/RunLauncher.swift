// A run from its first worker to its last: rounds of workers, started again after failures as often as the user
// allows and, with several nodes, whenever a node comes or goes. The workers of a later round resume from what
// the run has saved.
import Essentials
import Foundation

package struct RunLauncher {
  private let command: WorkerCommand
  private let plan: LaunchPlan
  private let say: @Sendable (String) -> Void
  private let events = LaunchEvents()

  /// - Parameter say: shows a remark; a line or a few.
  package init(
    _ command: WorkerCommand, plan: LaunchPlan,
    say: @escaping @Sendable (String) -> Void = { StandardStreams.error("tune: \($0)\n") }
  ) {
    (self.command, self.plan, self.say) = (command, plan, say)
  }

  /// Blocks until the run is over.
  /// - Throws: `TuneError` that names the worker or the node which failed first, and its error.
  package func run(signals: EndingSignals? = nil) throws -> WorkerGroup.Outcome {
    signals?.deliver(to: events)
    guard let settings = plan.rendezvous else { return try runAlone() }
    return try runAmongNodes(settings)
  }

  private func runAlone() throws -> WorkerGroup.Outcome {
    if let host = plan.namedHost {
      let found = SocketAddress.resolve(host, port: 0)
      if let failure = found.failure {
        throw TuneError(
          .network, "cannot find the host '\(host)' of the first node: \(failure)",
          remedy: "Correct --rdzv_endpoint or --master_addr.")
      }
    }
    var launched = LaunchedRun(id: UUID().uuidString, round: 1, restarts: 0)
    while true {
      var plan = plan
      // The store of the round before may still have its port.
      if launched.round > 1, plan.namedHost == nil {
        let port = try freePort()
        for index in plan.workers.indices { plan.workers[index].masterPort = port }
      }
      let group = WorkerGroup(command, plan: plan, launched: launched, events: events)
      switch try group.runRound() {
      case .succeeded:
        sayRestarts(launched.restarts)
        return .succeeded
      case .interrupted(let signal, let report):
        return .interrupted(signal: signal, report: report)
      case .stopped: preconditionFailure("nobody stops the only node's workers")
      case .failed(let error, let failure):
        guard !failure.isFinal, launched.restarts < plan.maxRestarts else {
          throw noting(launched.restarts, error)
        }
        launched.restarts += 1
        launched.round += 1
        say(
          "\(error)\n  All workers start again: restart \(launched.restarts) of "
            + "\(plan.maxRestarts).")
      }
    }
  }

  private func sayRestarts(_ count: Int) {
    if count > 0 { say("The run was restarted \(count == 1 ? "once" : "\(count) times").") }
  }

  private func noting(_ restarts: Int, _ error: TuneError) -> TuneError {
    var error = error
    if restarts > 0 {
      error.remedy = [
        error.remedy, "The run was restarted \(restarts) of \(plan.maxRestarts) times.",
      ]
      .compactMap(\.self).joined(separator: " ")
    }
    return error
  }

  // MARK: Several nodes

  private func runAmongNodes(_ settings: RendezvousSettings) throws -> WorkerGroup.Outcome {
    let claim = NodeClaim(settings, plan)
    let host =
      settings.mayBeHost ? try RendezvousHost.open(settings, own: claim, say: say) : nil
    var own = claim
    own.isHost = host != nil
    let node = RendezvousNode(settings, own, events, say: say)
    defer {
      node.close()
      host?.close(waiting: 2)
    }
    node.start()
    var (restarts, ownFailure, report) = (0, TuneError?.none, String?.none)
    while true {
      switch events.next() {
      case .host(.begin(let round)):
        restarts = round.restarts
        (ownFailure, report) = try run(round, node, isHost: own.isHost)
      case .host(.stop(let round, _)): node.send(.stopped(round: round))
      case .host(.ended(.succeeded)):
        if own.isHost { sayRestarts(restarts) }
        return .succeeded
      case .host(.ended(.interrupted(let signal, let name))):
        return .interrupted(
          signal: signal,
          report: ["It was ended on \(name).", report].compactMap(\.self).joined(separator: " "))
      case .host(.ended(.failed(let text, let name))):
        if let ownFailure, ownFailure.description.hasPrefix(text) { throw ownFailure }
        throw noting(
          restarts,
          TuneError(.worker, (name.map { "\($0): " } ?? "") + text, remedy: "All nodes have ended.")
        )
      case .hostLost:
        guard plan.maxRestarts > 0 || settings.isElastic else { throw lostHost(settings) }
        say("The connection to node 0 at \(settings.endpoint) is lost: joining again")
        node.start()
      case .cannotJoin(let error): throw error
      case .signal(let signal):
        node.send(.interrupted(signal: signal))
        host?.end(.interrupted(signal: signal, node: "node 0"))
        return .interrupted(signal: signal, report: report)
      case .host(.alive), .exit, nil: break
      }
    }
  }

  /// Runs this node's workers of a round and tells the host how they ended.
  /// - Returns: this node's failure, and what interrupted workers say.
  private func run(_ round: Round, _ node: RendezvousNode, isHost: Bool) throws -> (
    TuneError?, report: String?
  ) {
    let tunnel =
      isHost ? nil : try StoreTunnel(round: round.number) { [weak node] in node?.storeChannel() }
    var command = command
    // Gloo connects workers of several nodes directly, by the network that the launchers met on.
    if let interface = (isHost ? round.interface : nil) ?? node.interface,
      command.environment[WorkerEnvironment.interfaceVariable] == nil
    {
      command.environment[WorkerEnvironment.interfaceVariable] = interface
    }
    let group = WorkerGroup(
      command, plan: plan.placed(in: round, storePort: tunnel?.port ?? round.storePort),
      launched: LaunchedRun(id: round.runID, round: round.number, restarts: round.restarts),
      events: events)
    switch try group.runRound(number: round.number) {
    case .succeeded: node.send(.finished(round: round.number))
    case .stopped(let report):
      node.send(.stopped(round: round.number))
      return (nil, report)
    case .interrupted(let signal, let report):
      // What follows is as if it had come between rounds.
      events.post(.signal(signal))
      return (nil, report)
    case .failed(let error, let failure):
      node.send(.failed(round: round.number, failure))
      return (error, nil)
    }
    return (nil, nil)
  }

  private func lostHost(_ settings: RendezvousSettings) -> TuneError {
    TuneError(
      .network,
      "the connection to node 0 at \(settings.endpoint) is lost: it ended, or was silent for "
        + "\(Int(settings.silence)) s",
      remedy: "All workers of this node were stopped. Node 0 may say why it ended.")
  }

  // MARK: A node that does not start

  /// Tells the nodes of a run that this one refuses to start, for as long as they may take to come.
  package static func refuse(_ plan: LaunchPlan, because error: TuneError, patience: Int = 10) {
    guard var settings = plan.rendezvous else { return }
    settings.joinTimeout = min(settings.joinTimeout, patience)
    let claim = NodeClaim(settings, plan)
    let host =
      settings.mayBeHost ? try? RendezvousHost.open(settings, own: claim, say: { _ in }) : nil
    if let host {
      host.end(.failed(error.description, node: "node 0"))
      host.close(waiting: Double(settings.joinTimeout))
      return
    }
    let events = LaunchEvents()
    let node = RendezvousNode(settings, claim, events, say: { _ in })
    node.sendWhenJoined(.refuses(error.description))
    node.start()
    let deadline = Date(timeIntervalSinceNow: Double(settings.joinTimeout))
    while let event = events.next(before: deadline) {
      if case .host(.alive) = event { continue }
      if case .host(.begin) = event { continue }
      break
    }
    node.close()
  }
}

extension RendezvousSettings {
  fileprivate var mayBeHost: Bool { (nodeRank ?? 0) == 0 }
}

extension NodeClaim {
  fileprivate init(_ settings: RendezvousSettings, _ plan: LaunchPlan) {
    var name = [CChar](repeating: 0, count: 256)
    gethostname(&name, name.count - 1)
    self.init(
      version: ProgramVersion.current, nodeRank: settings.nodeRank,
      processes: plan.workers.count, nodes: settings.nodesText, maxRestarts: plan.maxRestarts,
      isHost: false,
      machine: String(
        decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self),
      launcher: UUID().uuidString)
  }
}
