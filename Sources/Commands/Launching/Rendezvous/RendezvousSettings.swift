// Where several nodes meet, who may, and how long each waits: torchrun's --rdzv_endpoint, --nnodes, --node_rank
// and the keys of --rdzv_conf that mean something here.
import Essentials
import Foundation

package struct RendezvousSettings: Sendable, Equatable {
  package var host: String
  package var port: Int
  /// nil where the order of joining decides.
  package var nodeRank: Int?
  package var nodes: ClosedRange<Int>
  package var secret: SharedSecret
  /// Seconds until the nodes that are needed have joined.
  package var joinTimeout = 300
  /// Seconds that a round waits for more nodes than the least.
  package var lastCallTimeout = 30
  /// Seconds between signs of life, and how many of them may be missing.
  package var keepAliveInterval = 5
  package var keepAliveAttempts = 3

  /// Seconds of silence after which a node is lost.
  var silence: Double { Double(keepAliveInterval * keepAliveAttempts) }
  var endpoint: String { "\(host):\(port)" }
  var isElastic: Bool { nodes.lowerBound < nodes.upperBound }
  var nodesText: String {
    isElastic ? "\(nodes.lowerBound):\(nodes.upperBound)" : "\(nodes.upperBound)"
  }
  var isOnLoopback: Bool { Self.isLoopback(host) }

  static func isLoopback(_ host: String) -> Bool {
    host == "localhost" || host == "::1" || host.hasPrefix("127.")
  }

  /// - Parameter variables: of the launcher's environment, where the secret may be.
  /// - Throws: `TuneError` `.usage`.
  init(
    _ options: LaunchOptions, host: String, port: Int, nodes: ClosedRange<Int>,
    _ variables: [String: String]
  ) throws {
    (self.host, self.port, self.nodes) = (host, port, nodes)
    nodeRank = options.nodeRank
    joinTimeout = min(options.timeout ?? joinTimeout, joinTimeout)
    var secretFile: String?
    for (key, value) in try Self.pairs(options.rendezvousConfiguration) {
      switch key {
      case "secret_file": secretFile = value
      case "join_timeout": joinTimeout = try Self.seconds(key, value)
      case "last_call_timeout": lastCallTimeout = try Self.seconds(key, value)
      case "keep_alive_interval": keepAliveInterval = try Self.seconds(key, value)
      case "keep_alive_max_attempt": keepAliveAttempts = try Self.seconds(key, value)
      default:
        throw LaunchPlan.usage(
          "--rdzv_conf \(key): unknown key",
          remedy: "Keys: secret_file, join_timeout, last_call_timeout, keep_alive_interval, "
            + "keep_alive_max_attempt.")
      }
    }
    secret = try Self.secret(secretFile, variables)
    guard !secret.isNone || isOnLoopback else {
      throw LaunchPlan.usage(
        "nodes that meet at \(host):\(port) need a secret, which keeps others out",
        remedy: "Make one with `openssl rand -hex 32`, and give it to every node: in the "
          + "environment variable \(SharedSecret.variable), or in a file with "
          + "--rdzv_conf secret_file=FILE.")
    }
  }

  private static func pairs(_ text: String?) throws -> [(String, String)] {
    try (text ?? "").split(separator: ",").map { pair in
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, !parts[1].isEmpty else {
        throw LaunchPlan.usage("--rdzv_conf \(pair): must be key=value pairs, key=value,...")
      }
      return (parts[0].trimmingCharacters(in: .whitespaces), String(parts[1]))
    }
  }

  private static func seconds(_ key: String, _ text: String) throws -> Int {
    guard let number = Int(text), (1...WorkerTimeout.longest).contains(number) else {
      throw LaunchPlan.usage(
        "--rdzv_conf \(key)=\(text): must be from 1 to \(WorkerTimeout.longest)")
    }
    return number
  }

  private static func secret(_ file: String?, _ variables: [String: String]) throws -> SharedSecret
  {
    guard let file else {
      guard let text = variables[SharedSecret.variable], !text.isEmpty else { return .none }
      return try SharedSecret(text, from: "the environment variable \(SharedSecret.variable)")
    }
    guard let text = try? String(decoding: RegularFile.read(file), as: UTF8.self) else {
      throw LaunchPlan.usage("--rdzv_conf secret_file=\(file): cannot read the file")
    }
    return try SharedSecret(text, from: "the file \(file)")
  }
}
