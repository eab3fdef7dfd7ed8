// torchrun's options and its environment variables, made into a plan or refused.
import Essentials
import Foundation
import Testing

@testable import Launching

struct LaunchPlanTests {
  private let machine = LaunchPlan.Machine(cores: 6, gpus: 4)

  private func plan(
    usesCUDA: Bool = false, on machine: LaunchPlan.Machine? = nil,
    variables: [String: String] = ["SWIFT_TUNE_SECRET": String(repeating: "s", count: 32)],
    _ change: (inout LaunchOptions) -> Void
  ) throws -> LaunchPlan {
    var options = LaunchOptions()
    change(&options)
    return try LaunchPlan(
      options, usesCUDA: usesCUDA, machine: machine ?? self.machine, variables: variables)
  }

  @Test func oneMachineMeetsItself() throws {
    let plan = try plan { $0.processesPerNode = "3" }
    #expect(plan.workers.map(\.rank) == [0, 1, 2])
    #expect(plan.workers.map(\.localRank) == [0, 1, 2])
    #expect(plan.workers.allSatisfy { $0.worldSize == 3 && $0.localWorldSize == 3 })
    #expect(plan.workers.allSatisfy { $0.masterAddress == "127.0.0.1" })
    let ports = Set(plan.workers.map(\.masterPort))
    #expect(ports.count == 1)
    #expect((1024...65535).contains(try #require(ports.first)))
  }

  @Test func ranksFollowTheRound() throws {
    let unplaced = try plan {
      $0.nodes = "3"
      $0.nodeRank = 2
      $0.processesPerNode = "4"
      $0.rendezvousEndpoint = "first:1234"
    }
    let settings = try #require(unplaced.rendezvous)
    #expect(settings.host == "first" && settings.port == 1234 && settings.nodes == 3...3)
    let round = Round(
      number: 1, runID: "run", firstRank: 8, worldSize: 12, nodeIndex: 2, nodeCount: 3,
      storePort: 99, restarts: 0)
    let plan = unplaced.placed(in: round, storePort: 77)
    #expect(plan.workers.map(\.rank) == [8, 9, 10, 11])
    #expect(plan.workers.map(\.localRank) == [0, 1, 2, 3])
    let worker = plan.workers[1]
    #expect(worker.worldSize == 12 && worker.localWorldSize == 4 && worker.nodeRank == 2)
    #expect(worker.masterAddress == "127.0.0.1" && worker.masterPort == 77)
  }

  @Test func endpointsHaveTheirForms() throws {
    func meeting(_ endpoint: String) throws -> String {
      let settings = try plan { ($0.nodes, $0.rendezvousEndpoint) = ("2", endpoint) }.rendezvous
      return try #require(settings.map { "\($0.host) \($0.port)" })
    }
    #expect(try meeting("host:80") == "host 80")
    #expect(try meeting("host") == "host 29500")
    #expect(try meeting("[::1]:80") == "::1 80")
    for wrong in [":80", "host:", "host:x", "host:0", "host:70000", ""] {
      #expect(throws: TuneError.self, "\(wrong)") { try meeting(wrong) }
    }
    let apart = try plan {
      ($0.nodes, $0.nodeRank, $0.masterAddress) = ("2", 0, "first")
    }
    #expect(apart.rendezvous?.endpoint == "first:29500")
    // Alone, a host need only exist, and nobody else reaches the workers.
    let alone = try plan { $0.rendezvousEndpoint = "first:80" }
    #expect(alone.namedHost == "first" && alone.rendezvous == nil)
    #expect(alone.workers[0].masterAddress == "127.0.0.1" && alone.workers[0].masterPort == 80)
  }

  @Test func nodesBeyondLoopbackNeedASecret() throws {
    func plan(_ host: String, _ variables: [String: String], _ conf: String? = nil) throws
      -> RendezvousSettings?
    {
      try self.plan(variables: variables) {
        ($0.nodes, $0.rendezvousEndpoint, $0.rendezvousConfiguration) = ("2", host, conf)
      }.rendezvous
    }
    #expect(try plan("127.0.0.1:80", [:])?.secret == SharedSecret.none)
    let missing = try #require(throws: TuneError.self) { try plan("first:80", [:]) }
    #expect(missing.remedy?.contains("SWIFT_TUNE_SECRET") == true)
    let short = try #require(throws: TuneError.self) {
      try plan("first:80", ["SWIFT_TUNE_SECRET": "open sesame"])
    }
    #expect(short.message.contains("fewer than 16") && !short.description.contains("sesame"))
    let long = String(repeating: "k", count: 20)
    let given = try plan("first:80", ["SWIFT_TUNE_SECRET": long])
    try Processes.inFolder { folder in
      try (long + "\n").write(toFile: folder + "/secret", atomically: true, encoding: .utf8)
      let read = try plan("first:80", [:], "secret_file=\(folder)/secret,join_timeout=7")
      #expect(read?.secret == given?.secret && read?.joinTimeout == 7)
    }
    for wrong in ["secret_file=/nonexistent", "join_timeout=0", "join_timeout", "store=file"] {
      #expect(throws: TuneError.self, "\(wrong)") { try plan("first:80", [:], wrong) }
    }
  }

  @Test func nodesMayComeAndGo() throws {
    let elastic = try plan { ($0.nodes, $0.rendezvousEndpoint) = ("1:4", "first:80") }
    #expect(elastic.rendezvous?.nodes == 1...4 && elastic.rendezvous?.nodeRank == nil)
    #expect(try plan { $0.nodes = "1:1" }.rendezvous == nil)
    #expect(try plan { $0.maxRestarts = 3 }.maxRestarts == 3)
  }

  @Test func countsWhatIsThere() throws {
    #expect(try plan { $0.processesPerNode = "cpu" }.workers.count == 6)
    #expect(try plan { $0.processesPerNode = "gpu" }.workers.count == 4)
    #expect(try plan(usesCUDA: true) { $0.processesPerNode = "auto" }.workers.count == 4)
    #expect(try plan { $0.processesPerNode = "auto" }.workers.count == 6)
    #expect(throws: TuneError.self) {
      try plan(on: .init(cores: 2, gpus: 0)) { $0.processesPerNode = "gpu" }
    }
  }

  @Test func whatIsNotSupportedIsRefused() {
    let refused: [(inout LaunchOptions) -> Void] = [
      { $0.processesPerNode = "0" }, { $0.processesPerNode = "two" }, { $0.nodes = "1:4" },
      { ($0.nodes, $0.rendezvousEndpoint) = ("4:1", "127.0.0.1:80") },
      { ($0.nodes, $0.rendezvousEndpoint) = ("1:2:3", "127.0.0.1:80") }, { $0.nodes = "0" },
      { $0.nodes = "2" }, { ($0.nodes, $0.nodeRank) = ("2", 2) },
      { ($0.nodes, $0.nodeRank) = ("2", 0) }, { $0.nodeRank = 1 }, { $0.maxRestarts = -1 },
      { $0.rendezvousBackend = "etcd" }, { $0.masterPort = 0 },
      { ($0.nodes, $0.nodeRank, $0.isStandalone) = ("2", 0, true) },
      { $0.tee = "3" }, { $0.redirects = "3" },
      { ($0.logFolder, $0.redirects) = ("logs", "4") },
      { ($0.logFolder, $0.tee) = ("logs", "0:x") },
    ]
    for change in refused {
      #expect {
        try plan(change)
      } throws: {
        ($0 as? TuneError)?.code == .usage
      }
    }
    #expect(throws: Never.self) { try plan { $0.maxRestarts = 0 } }
  }

  @Test func logsHaveAFileAWorkerAndStream() throws {
    let everything = try #require(try plan { $0.logFolder = "logs" }.logs)
    #expect(everything.file(for: .stderr, localRank: 2)?.path == "logs/2/stderr.log")
    #expect(everything.file(for: .stdout, localRank: 0)?.isAlsoShown == true)
    let some = try #require(
      try plan { ($0.logFolder, $0.runID, $0.redirects) = ("logs", "run", "0:1,1:2") }.logs)
    #expect(some.file(for: .stdout, localRank: 0)?.path == "logs/run/0/stdout.log")
    #expect(some.file(for: .stdout, localRank: 0)?.isAlsoShown == false)
    #expect(some.file(for: .stderr, localRank: 0) == nil)
    #expect(some.file(for: .stderr, localRank: 1) != nil)
    #expect(some.file(for: .stdout, localRank: 2) == nil)
  }

  @Test func readsTorchrunsEnvironment() throws {
    #expect(try WorkerEnvironment([:]) == nil)
    #expect(try WorkerEnvironment(["RANK": "1"]) == nil)
    let given = WorkerEnvironment(
      rank: 5, localRank: 1, worldSize: 8, localWorldSize: 4, masterAddress: "m",
      masterPort: 77, nodeRank: 1)
    #expect(try WorkerEnvironment(given.variables) == given)
    let few = try #require(try WorkerEnvironment(["RANK": "1", "WORLD_SIZE": "2"]))
    #expect(few.localRank == 1 && few.localWorldSize == 2 && few.masterPort == 29500)
    for wrong in [
      ["RANK": "2", "WORLD_SIZE": "2"], ["RANK": "-1", "WORLD_SIZE": "2"],
      ["RANK": "x", "WORLD_SIZE": "2"], ["RANK": "0", "WORLD_SIZE": "0"],
      ["RANK": "0", "WORLD_SIZE": "2", "MASTER_PORT": "0"],
      ["RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "2"],
    ] {
      #expect(throws: TuneError.self, "\(wrong)") { try WorkerEnvironment(wrong) }
    }
  }

  @Test func readsSLURMsEnvironment() throws {
    var variables = [
      "SLURM_PROCID": "3", "SLURM_NTASKS": "4", "SLURM_LOCALID": "1", "SLURM_NODEID": "1",
      "SLURM_NTASKS_PER_NODE": "2",
    ]
    #expect(try WorkerEnvironment(variables) == nil)
    variables["MASTER_ADDR"] = "first"
    let worker = try #require(try WorkerEnvironment(variables))
    #expect(worker.rank == 3 && worker.localRank == 1 && worker.worldSize == 4)
    #expect(worker.localWorldSize == 2 && worker.nodeRank == 1)
    #expect(worker.masterAddress == "first")
  }
}
