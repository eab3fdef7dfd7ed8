// A process's place among the workers of a run, as torchrun's environment variables or SLURM's
// give it.
import Essentials

package struct WorkerEnvironment: Sendable, Equatable {
  package var rank: Int
  package var localRank: Int
  package var worldSize: Int
  package var localWorldSize: Int
  package var masterAddress: String
  package var masterPort: Int
  package var nodeRank: Int

  package init(
    rank: Int, localRank: Int, worldSize: Int, localWorldSize: Int, masterAddress: String,
    masterPort: Int, nodeRank: Int
  ) {
    self.rank = rank
    self.localRank = localRank
    self.worldSize = worldSize
    self.localWorldSize = localWorldSize
    self.masterAddress = masterAddress
    self.masterPort = masterPort
    self.nodeRank = nodeRank
  }

  /// One process, which meets nobody.
  package static let single = WorkerEnvironment(
    rank: 0, localRank: 0, worldSize: 1, localWorldSize: 1, masterAddress: "127.0.0.1",
    masterPort: 0, nodeRank: 0)

  /// The network interface for Gloo, as in PyTorch.
  package static let interfaceVariable = "GLOO_SOCKET_IFNAME"

  /// torchrun's own default.
  package static let defaultPort = 29500

  /// The place that the environment describes, nil when it describes none.
  /// - Throws: `TuneError` `.usage` when a variable is missing or makes no sense.
  package init?(_ variables: [String: String]) throws {
    let names: Names
    if variables["RANK"] != nil, variables["WORLD_SIZE"] != nil {
      names = .torchrun
    } else if variables["SLURM_PROCID"] != nil, variables["SLURM_NTASKS"] != nil,
      variables["MASTER_ADDR"] != nil
    {
      names = .slurm
    } else {
      return nil
    }
    let reader = VariableReader(variables: variables)
    worldSize = try reader.int(names.worldSize, in: 1...1_000_000)
    rank = try reader.int(names.rank, in: 0...(worldSize - 1))
    localRank = try reader.int(names.localRank, in: 0...(worldSize - 1), default: rank)
    localWorldSize = try reader.int(
      names.localWorldSize, in: (localRank + 1)...worldSize,
      default: names == .slurm ? localRank + 1 : worldSize)
    nodeRank = try reader.int(names.nodeRank, in: 0...(worldSize - 1), default: 0)
    masterAddress = variables["MASTER_ADDR"] ?? "127.0.0.1"
    masterPort = try reader.int("MASTER_PORT", in: 1...65535, default: Self.defaultPort)
  }

  /// The variables that give a worker this place.
  package var variables: [String: String] {
    [
      "RANK": "\(rank)", "LOCAL_RANK": "\(localRank)", "WORLD_SIZE": "\(worldSize)",
      "LOCAL_WORLD_SIZE": "\(localWorldSize)", "GROUP_RANK": "\(nodeRank)",
      "MASTER_ADDR": masterAddress, "MASTER_PORT": "\(masterPort)",
    ]
  }
}

private enum Names {
  case torchrun, slurm

  var rank: String { self == .slurm ? "SLURM_PROCID" : "RANK" }
  var worldSize: String { self == .slurm ? "SLURM_NTASKS" : "WORLD_SIZE" }
  var localRank: String { self == .slurm ? "SLURM_LOCALID" : "LOCAL_RANK" }
  var localWorldSize: String {
    self == .slurm ? "SLURM_NTASKS_PER_NODE" : "LOCAL_WORLD_SIZE"
  }
  var nodeRank: String { self == .slurm ? "SLURM_NODEID" : "GROUP_RANK" }
}

private struct VariableReader {
  let variables: [String: String]

  func int(_ name: String, in range: ClosedRange<Int>, default value: Int? = nil) throws -> Int {
    guard let text = variables[name] else {
      if let value { return value }
      throw TuneError(.usage, "the environment variable \(name) is not set")
    }
    guard let number = Int(text), range.contains(number) else {
      throw TuneError(
        .usage,
        "the environment variable \(name) is '\(text)', and must be an integer from "
          + "\(range.lowerBound) to \(range.upperBound)",
        remedy: "RANK, WORLD_SIZE and the others of torchrun are set together, or not at all.")
    }
    return number
  }
}
