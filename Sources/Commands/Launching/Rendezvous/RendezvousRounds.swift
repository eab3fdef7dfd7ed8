// The host's decisions, without sockets or clocks: who is in, when a round begins and why it ends, who is told
// what. Times are seconds of any clock.
import Essentials
import Foundation

struct RendezvousRounds {
  enum Phase: Equatable {
    case gathering
    case running
    /// Workers are being ended; the failures so far.
    case stopping
    case ended(RunEnd)
  }
  struct Node {
    var claim: NodeClaim
    var address: String
    /// The host's network interface by which the node reaches it.
    var hostInterface: String?
    var state = State.ready
    enum State { case ready, running, finished }

    var name: String {
      let rank = claim.nodeRank.map { "node \($0)" } ?? "a node"
      return "\(rank) (\(claim.machine), \(address))"
    }
  }
  private static let patience = 30.0

  let settings: RendezvousSettings
  let own: NodeClaim
  let runID: String
  private let freePort: () throws -> Int
  private(set) var phase = Phase.gathering
  private(set) var nodes: [Int: Node] = [:]
  private(set) var round = 0
  private(set) var storePort = 0
  private(set) var restarts = 0
  private var failures: [(node: String, failure: NodeFailure)] = []
  /// A node came or went, and what fails now follows from it.
  private var membershipChanges = false
  private var (gatheringSince, lastJoin, hasComplained) = (0.0, 0.0, false)
  /// What is to be sent and said; the caller takes it.
  var messages: [(node: Int, message: HostMessage)] = []
  var remarks: [String] = []

  init(
    _ settings: RendezvousSettings, own: NodeClaim, runID: String, now: Double,
    freePort: @escaping () throws -> Int = Launching.freePort
  ) {
    (self.settings, self.own, self.runID, self.freePort) = (settings, own, runID, freePort)
    (gatheringSince, lastJoin) = (now, now)
  }

  // MARK: What happens

  mutating func joined(_ id: Int, _ node: Node, now: Double) {
    if let refusal = refusal(of: node) {
      messages.append((id, .ended(.failed(refusal, node: nil))))
      remarks.append("Refused \(node.name): \(refusal)")
      return
    }
    if case .ended(let end) = phase {
      messages.append((id, .ended(end)))
      return
    }
    // The same launcher again, whose first connection was cut without a word.
    let ghosts = nodes.filter { $0.value.claim.launcher == node.claim.launcher }.keys
    for ghost in ghosts { lost(ghost, "it has connected again", now: now) }
    nodes[id] = node
    lastJoin = now
    if phase == .running { stop(isGentle: true, "\(node.name) has joined", now: now) }
    tick(now: now)
  }

  mutating func received(_ id: Int, _ message: NodeMessage, now: Double) {
    guard let node = nodes[id] else { return }
    switch message {
    case .alive, .join: break
    case .finished(round: round):
      nodes[id]?.state = .finished
      if phase == .running, nodes.values.allSatisfy({ $0.state == .finished }) { end(.succeeded) }
    case .failed(round: round, let failure):
      nodes[id]?.state = .ready
      failures.append((node.name, failure))
      if phase == .running { stop(isGentle: false, nil, now: now) }
    case .stopped(round: round): nodes[id]?.state = .ready
    case .finished, .failed, .stopped: break
    case .interrupted(let signal): left(id, node, signal, now: now)
    case .refuses(let text): end(.failed(text, node: node.name))
    }
    concludeStopping(now: now)
  }

  mutating func lost(_ id: Int, _ why: String, now: Double) {
    guard let node = nodes.removeValue(forKey: id) else { return }
    switch phase {
    case .ended: return
    case .gathering: remarks.append("\(node.name) is gone: \(why)")
    case .running where node.state == .finished: return
    case .running, .stopping:
      failures.append(
        (
          node.name,
          NodeFailure(text: "\(node.name) is lost: \(why)", isFinal: false, isConsequence: false)
        ))
      if phase == .running { stop(isGentle: false, nil, now: now) }
    }
    concludeStopping(now: now)
  }

  mutating func tick(now: Double) {
    guard phase == .gathering else { return }
    let isLastCallOver = now - lastJoin >= Double(settings.lastCallTimeout)
    if nodes.count >= settings.nodes.upperBound
      || (nodes.count >= settings.nodes.lowerBound && isLastCallOver)
    {
      return begin()
    }
    if now - gatheringSince >= Self.patience, !hasComplained {
      hasComplained = true
      remarks.append("Still waiting: \(missing)")
    }
    if now - max(gatheringSince, lastJoin) >= Double(settings.joinTimeout) {
      end(
        .failed(
          "the nodes have not met at \(settings.endpoint) within \(settings.joinTimeout) s: "
            + missing, node: nil))
    }
  }

  // MARK: What follows

  private func refusal(of node: Node) -> String? {
    let claim = node.claim
    func differs(_ what: String, _ theirs: String, _ ours: String) -> String? {
      theirs == ours ? nil : "\(what) is \(theirs) there, and \(ours) on the host"
    }
    if let text = differs("the version of tune", claim.version, own.version)
      ?? differs("--nnodes", claim.nodes, own.nodes)
      ?? differs("--max_restarts", "\(claim.maxRestarts)", "\(own.maxRestarts)")
    {
      return text
    }
    let others = nodes.values.filter { $0.claim.launcher != claim.launcher }
    if let rank = claim.nodeRank, let other = others.first(where: { $0.claim.nodeRank == rank }) {
      return "--node_rank \(rank) is that of \(other.name) already"
    }
    return others.count >= settings.nodes.upperBound
      ? "the run has its \(settings.nodes.upperBound) nodes already" : nil
  }

  /// In words.
  var missing: String {
    let ranks = Set(nodes.values.compactMap(\.claim.nodeRank))
    let count = "\(nodes.count) of \(settings.nodes.lowerBound) nodes are here"
    guard nodes.values.allSatisfy({ $0.claim.nodeRank != nil }), !settings.isElastic else {
      return count
    }
    let absent = (0..<settings.nodes.upperBound).filter { !ranks.contains($0) }
    return count + ", missing: " + absent.map { "node \($0)" }.joined(separator: ", ")
  }

  private mutating func begin() {
    do { storePort = try freePort() } catch { return end(.failed("\(error)", node: nil)) }
    round += 1
    (failures, membershipChanges, phase) = ([], false, .running)
    let order = nodes.sorted {
      ($0.value.claim.isHost ? 0 : 1, $0.value.claim.nodeRank ?? .max, $0.key)
        < ($1.value.claim.isHost ? 0 : 1, $1.value.claim.nodeRank ?? .max, $1.key)
    }
    let worldSize = order.reduce(0) { $0 + $1.value.claim.processes }
    let interface = order.lazy.filter { !$0.value.claim.isHost }.compactMap(\.value.hostInterface)
      .first
    var rank = 0
    for (index, (id, node)) in order.enumerated() {
      nodes[id]?.state = .running
      let begun = Round(
        number: round, runID: runID, firstRank: rank, worldSize: worldSize, nodeIndex: index,
        nodeCount: order.count, storePort: storePort, restarts: restarts, interface: interface)
      messages.append((id, .begin(begun)))
      rank += node.claim.processes
    }
    if settings.isElastic || round > 1 {
      remarks.append("Round \(round): \(order.count) nodes, \(worldSize) workers")
    }
  }

  /// - Parameter change: of the membership, in words; nil for a failure.
  private mutating func stop(isGentle: Bool, _ change: String?, now: Double) {
    phase = .stopping
    membershipChanges = change != nil
    if let change { remarks.append("\(change): the workers start again") }
    for (id, node) in nodes {
      if node.state == .running { messages.append((id, .stop(round: round, isGentle: isGentle))) }
      if node.state == .finished { nodes[id]?.state = .ready }
    }
    concludeStopping(now: now)
  }

  private mutating func concludeStopping(now: Double) {
    guard phase == .stopping, !nodes.values.contains(where: { $0.state == .running }) else {
      return
    }
    for id in nodes.keys { nodes[id]?.state = .ready }
    // The earliest that does not look like the echo of another.
    let causes = failures.filter { !($0.failure.isConsequence && membershipChanges) }
    if let cause = causes.first(where: { !$0.failure.isConsequence }) ?? causes.first {
      guard !cause.failure.isFinal, restarts < own.maxRestarts else {
        return end(.failed(cause.failure.text, node: cause.node))
      }
      restarts += 1
      remarks.append(
        "\(cause.failure.text)\n  All workers start again: restart \(restarts) of "
          + "\(own.maxRestarts).")
    }
    (phase, gatheringSince, lastJoin, hasComplained) = (.gathering, now, now, false)
    tick(now: now)
  }

  /// A machine that is taken away leaves an elastic run; who presses Ctrl-C ends it.
  private mutating func left(_ id: Int, _ node: Node, _ signal: Int32, now: Double) {
    let others = nodes.count - 1
    guard signal == SIGTERM, settings.isElastic, !node.claim.isHost,
      others >= settings.nodes.lowerBound
    else { return end(.interrupted(signal: signal, node: node.name)) }
    nodes[id] = nil
    guard phase == .running else { return }
    stop(isGentle: false, "\(node.name) has left", now: now)
  }

  /// What the host itself finds.
  mutating func end(_ end: RunEnd) {
    if case .ended = phase { return }
    phase = .ended(end)
    for id in nodes.keys { messages.append((id, .ended(end))) }
  }
}
