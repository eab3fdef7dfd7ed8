// What launchers tell each other. One of them is the host: it decides who is in a round, that is, who starts
// workers now and with which ranks; a round ends when the run does, a worker fails, or a node comes or goes.
import Essentials
import Foundation

/// A node's part in a round.
struct Round: Codable, Sendable, Equatable {
  var number: Int
  /// Of the run: what it saves is known by it.
  var runID: String
  var firstRank: Int
  var worldSize: Int
  var nodeIndex: Int
  var nodeCount: Int
  /// Of the store on the host, on loopback.
  var storePort: Int
  /// Times that the run was restarted after a failure.
  var restarts: Int
  /// The network interface by which the host is reached, for the host; other nodes see their own.
  var interface: String?
}

/// Why a node's workers ended.
struct NodeFailure: Codable, Sendable, Equatable {
  var text: String
  /// The same input fails again: no restart mends it.
  var isFinal: Bool
  /// It followed from another failure, as far as the node can tell.
  var isConsequence: Bool
}

/// From a node to the host.
enum NodeMessage: Codable, Sendable {
  case join(NodeClaim)
  /// All workers ended well.
  case finished(round: Int)
  case failed(round: Int, NodeFailure)
  /// The workers were ended as asked.
  case stopped(round: Int)
  /// The user ended it.
  case interrupted(signal: Int32)
  /// The node does not start at all.
  case refuses(String)
  case alive
}

/// From the host to a node.
enum HostMessage: Codable, Sendable {
  case begin(Round)
  /// - isGentle: nothing has failed, and workers may save first.
  case stop(round: Int, isGentle: Bool)
  case ended(RunEnd)
  case alive
}

enum RunEnd: Codable, Sendable, Equatable {
  case succeeded
  case interrupted(signal: Int32, node: String)
  /// - node: whose failure it was; nil for the host's own decision.
  case failed(String, node: String?)
}

/// What a node says of itself when it joins; what must be the same on all is compared.
struct NodeClaim: Codable, Sendable, Equatable {
  var version: String
  var nodeRank: Int?
  var processes: Int
  var nodes: String
  var maxRestarts: Int
  var isHost: Bool
  /// The machine's name, for messages.
  var machine: String
  /// Of this launcher, however often it connects.
  var launcher: String
}

extension AuthenticatedChannel {
  @discardableResult
  func send(_ message: some Encodable) -> Bool {
    guard let data = try? JSONEncoder().encode(message) else {
      preconditionFailure("a message that cannot be written")
    }
    return send(Array(data))
  }

  /// - Throws: `Failure` `.lost` also for what is no message.
  func receive<M: Decodable>(_ type: M.Type) throws -> M {
    guard let message = try? JSONDecoder().decode(type, from: Data(try receive())) else {
      throw Failure.lost
    }
    return message
  }
}
