// The host's decisions over several nodes: when a round begins, with which ranks, and what ends it.
import Essentials
import Foundation
import Testing

@testable import Launching

struct RendezvousRoundsTests {
  private static let secret = ["SWIFT_TUNE_SECRET": String(repeating: "s", count: 32)]

  /// Nodes and what they were told.
  private struct Stage {
    var rounds: RendezvousRounds
    let settings: RendezvousSettings
    let maxRestarts: Int
    var told: [Int: [HostMessage]] = [:]
    var remarks: [String] = []

    init(_ nodes: String, maxRestarts: Int = 0) throws {
      var options = LaunchOptions()
      (options.nodes, options.rendezvousEndpoint) = (nodes, "first:80")
      let plan = try LaunchPlan(
        options, usesCUDA: false, variables: RendezvousRoundsTests.secret)
      settings = try #require(plan.rendezvous)
      self.maxRestarts = maxRestarts
      rounds = RendezvousRounds(
        settings, own: Self.claim("host", settings, maxRestarts), runID: "run", now: 0
      ) { 4321 }
    }

    static func claim(_ name: String, _ settings: RendezvousSettings, _ maxRestarts: Int)
      -> NodeClaim
    {
      NodeClaim(
        version: ProgramVersion.current, nodeRank: nil, processes: 2, nodes: settings.nodesText,
        maxRestarts: maxRestarts, isHost: name == "host", machine: name, launcher: name)
    }

    mutating func join(
      _ id: Int, _ name: String, at now: Double = 0, _ change: (inout NodeClaim) -> Void = { _ in }
    ) {
      var claim = Self.claim(name, settings, maxRestarts)
      change(&claim)
      rounds.joined(id, .init(claim: claim, address: "10.0.0.\(id)"), now: now)
      take()
    }
    mutating func hear(_ id: Int, _ message: NodeMessage, at now: Double = 0) {
      rounds.received(id, message, now: now)
      take()
    }
    mutating func lose(_ id: Int, at now: Double = 0) {
      rounds.lost(id, "the cable was cut", now: now)
      take()
    }
    mutating func wait(until now: Double) {
      rounds.tick(now: now)
      take()
    }
    private mutating func take() {
      for (id, message) in rounds.messages { told[id, default: []].append(message) }
      remarks += rounds.remarks
      (rounds.messages, rounds.remarks) = ([], [])
    }

    /// The last round that a node was told to begin.
    func begun(_ id: Int) -> Round? {
      told[id]?.compactMap { if case .begin(let round) = $0 { round } else { nil } }.last
    }
    func isStopped(_ id: Int, _ number: Int) -> Bool {
      told[id]?.contains { if case .stop(number, _) = $0 { true } else { false } } ?? false
    }
    var end: RunEnd? { if case .ended(let end) = rounds.phase { end } else { nil } }
    var failure: String? { if case .failed(let text, _)? = end { text } else { nil } }
  }

  private func failure(_ text: String, isFinal: Bool = false, isConsequence: Bool = false)
    -> NodeFailure
  {
    NodeFailure(text: text, isFinal: isFinal, isConsequence: isConsequence)
  }

  @Test func aRoundBeginsWhenAllAreHere() throws {
    var stage = try Stage("2")
    stage.join(5, "second") { ($0.nodeRank, $0.processes) = (1, 3) }
    #expect(stage.begun(5) == nil)
    stage.join(6, "host") { $0.nodeRank = 0 }
    let (first, second) = (try #require(stage.begun(6)), try #require(stage.begun(5)))
    #expect(first.firstRank == 0 && second.firstRank == 2 && second.worldSize == 5)
    #expect(first.storePort == 4321 && second.nodeIndex == 1 && second.nodeCount == 2)
    stage.hear(5, .finished(round: 1))
    #expect(stage.end == nil)
    stage.hear(6, .finished(round: 1))
    #expect(stage.end == .succeeded)
  }

  @Test func whoIsMissingIsSaidAndThenAnError() throws {
    var stage = try Stage("3")
    stage.join(1, "host") { $0.nodeRank = 0 }
    stage.wait(until: 29)
    #expect(stage.remarks.isEmpty)
    stage.wait(until: 31)
    stage.wait(until: 32)
    #expect(
      stage.remarks == ["Still waiting: 1 of 3 nodes are here, missing: node 1, node 2"])
    stage.wait(until: 301)
    #expect(stage.failure?.contains("missing: node 1, node 2") == true)
    #expect(stage.failure?.contains("first:80 within 300 s") == true)
  }

  @Test func whoDoesNotFitIsRefused() throws {
    for (name, change): (String, (inout NodeClaim) -> Void) in [
      ("version of tune", { $0.version = "9.9.9" }), ("--nnodes", { $0.nodes = "3" }),
      ("--max_restarts", { $0.maxRestarts = 5 }), ("--node_rank 0", { $0.nodeRank = 0 }),
    ] {
      var stage = try Stage("2")
      stage.join(1, "host") { $0.nodeRank = 0 }
      stage.join(2, "second", change)
      guard case .ended(.failed(let text, _))? = stage.told[2]?.first else {
        Issue.record("\(name) is not refused")
        continue
      }
      #expect(text.contains(name), "\(text)")
      #expect(stage.remarks.first?.contains("10.0.0.2") == true)
      #expect(stage.rounds.phase == .gathering)
    }
    var full = try Stage("2")
    full.join(1, "host")
    full.join(2, "second")
    full.join(3, "third")
    #expect(full.told[3]?.count == 1 && full.begun(3) == nil && full.rounds.phase == .running)
  }

  @Test func aNodeThatRefusesItsConfigurationEndsAll() throws {
    var stage = try Stage("2")
    stage.join(1, "host")
    stage.join(2, "second")
    stage.hear(2, .refuses("key 'sead': unknown"))
    #expect(stage.failure == "key 'sead': unknown")
    guard case .ended(.failed(_, let node))? = stage.told[1]?.last else {
      Issue.record("the host is not told")
      return
    }
    #expect(node?.contains("second") == true)
  }

  @Test func aFailureIsTheCauseAndNotItsEcho() throws {
    var stage = try Stage("2")
    stage.join(1, "host")
    stage.join(2, "second")
    stage.hear(1, .failed(round: 1, failure("all-reduce failed", isConsequence: true)))
    #expect(stage.isStopped(2, 1))
    stage.hear(2, .failed(round: 1, failure("rank 2 was killed")))
    #expect(stage.failure == "rank 2 was killed")
  }

  @Test func restartsAreCountedAndEnd() throws {
    var stage = try Stage("2", maxRestarts: 1)
    stage.join(1, "host")
    stage.join(2, "second")
    stage.hear(2, .failed(round: 1, failure("rank 2 was killed")))
    #expect(stage.begun(1)?.number == 1)
    stage.hear(1, .stopped(round: 1))
    #expect(stage.begun(1)?.number == 2 && stage.begun(2)?.restarts == 1)
    #expect(stage.remarks.contains { $0.contains("restart 1 of 1") })
    stage.hear(1, .failed(round: 1, failure("a word of the round before")))
    #expect(stage.rounds.phase == .running)
    stage.hear(2, .failed(round: 2, failure("killed again")))
    stage.hear(1, .stopped(round: 2))
    #expect(stage.failure == "killed again")
  }

  @Test func whatFailsAgainIsNotTriedAgain() throws {
    var stage = try Stage("2", maxRestarts: 5)
    stage.join(1, "host")
    stage.join(2, "second")
    stage.hear(2, .failed(round: 1, failure("the loss is not finite", isFinal: true)))
    stage.hear(1, .stopped(round: 1))
    #expect(stage.failure == "the loss is not finite")
  }

  /// A lost machine: the others go on when the last call is over.
  @Test func fewerNodesGoOn() throws {
    var stage = try Stage("1:3", maxRestarts: 2)
    stage.join(1, "host")
    #expect(stage.begun(1) == nil)
    stage.join(2, "second", at: 10)
    stage.wait(until: 39)
    #expect(stage.begun(1) == nil)
    stage.wait(until: 40)
    #expect(stage.begun(2)?.worldSize == 4)
    stage.lose(2, at: 50)
    #expect(stage.isStopped(1, 1))
    stage.hear(1, .failed(round: 1, failure("all-reduce failed", isConsequence: true)), at: 51)
    #expect(stage.remarks.contains { $0.contains("second") && $0.contains("the cable was cut") })
    stage.wait(until: 80)
    #expect(stage.begun(1)?.number == 1)
    stage.wait(until: 81)
    #expect(stage.begun(1)?.worldSize == 2 && stage.begun(1)?.restarts == 1)
  }

  /// A machine that comes, and one that is taken away, cost no restart.
  @Test func moreNodesJoinAndLeave() throws {
    var stage = try Stage("1:2")
    stage.join(1, "host")
    stage.wait(until: 30)
    #expect(stage.begun(1)?.worldSize == 2)
    stage.join(2, "second", at: 40)
    #expect(stage.isStopped(1, 1))
    stage.hear(1, .stopped(round: 1), at: 41)
    #expect(stage.begun(1)?.worldSize == 4 && stage.begun(2)?.restarts == 0)
    stage.hear(2, .interrupted(signal: SIGTERM), at: 50)
    stage.hear(1, .failed(round: 2, failure("all-reduce failed", isConsequence: true)), at: 51)
    stage.wait(until: 81)
    #expect(stage.begun(1)?.worldSize == 2 && stage.begun(1)?.restarts == 0)
    stage.hear(1, .interrupted(signal: SIGINT), at: 90)
    #expect(stage.end.map { if case .interrupted(SIGINT, _) = $0 { true } else { false } } == true)
  }

  @Test func aLauncherThatConnectsAgainTakesItsPlace() throws {
    var stage = try Stage("2", maxRestarts: 1)
    stage.join(1, "host") { $0.nodeRank = 0 }
    stage.join(2, "second") { $0.nodeRank = 1 }
    stage.join(3, "second", at: 5) { $0.nodeRank = 1 }
    #expect(stage.isStopped(1, 1))
    stage.hear(1, .stopped(round: 1), at: 6)
    #expect(stage.begun(3)?.firstRank == 2 && stage.begun(3)?.number == 2)
  }
}
