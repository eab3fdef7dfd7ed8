// torchrun's options and its environment variables, made into a plan or refused.
import Essentials
import Testing

@testable import Launching

struct LaunchPlanTests {
  private let machine = LaunchPlan.Machine(cores: 6, gpus: 4)

  private func plan(
    usesCUDA: Bool = false, on machine: LaunchPlan.Machine? = nil,
    _ change: (inout LaunchOptions) -> Void
  ) throws -> LaunchPlan {
    var options = LaunchOptions()
    change(&options)
    return try LaunchPlan(options, usesCUDA: usesCUDA, machine: machine ?? self.machine)
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

  @Test func ranksFollowTheNode() throws {
    let plan = try plan {
      $0.nodes = "3"
      $0.nodeRank = 2
      $0.processesPerNode = "4"
      $0.rendezvousEndpoint = "first:1234"
    }
    #expect(plan.workers.map(\.rank) == [8, 9, 10, 11])
    #expect(plan.workers.map(\.localRank) == [0, 1, 2, 3])
    let worker = plan.workers[1]
    #expect(worker.worldSize == 12 && worker.localWorldSize == 4 && worker.nodeRank == 2)
    #expect(worker.masterAddress == "first" && worker.masterPort == 1234)
  }

  @Test func endpointsHaveTheirForms() throws {
    func meeting(_ endpoint: String) throws -> String {
      let worker = try plan { $0.rendezvousEndpoint = endpoint }.workers[0]
      return "\(worker.masterAddress) \(worker.masterPort)"
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
    #expect(apart.workers[0].masterAddress == "first" && apart.workers[0].masterPort == 29500)
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
      { $0.nodes = "0" }, { $0.nodes = "2" }, { ($0.nodes, $0.nodeRank) = ("2", 2) },
      { ($0.nodes, $0.nodeRank) = ("2", 0) }, { $0.nodeRank = 1 }, { $0.maxRestarts = 3 },
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
