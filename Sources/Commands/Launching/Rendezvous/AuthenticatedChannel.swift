// A connection between two launchers that have proved to each other that they know the run's secret. Every
// message carries a code under a key of this connection, so that nobody on the way can add or change one.
// What is said is not encrypted: it is configuration keys and addresses.
//
//   host  -> node   magic, 32 random bytes
//   node  -> host   magic, kind, claimed node rank, 32 random bytes, its proof
//   host  -> node   1 and its proof, or 0
//   both ways       length, payload, code over direction, number and payload
import Essentials
import Foundation

/// Unchecked because each direction's counter has a lock.
final class AuthenticatedChannel: @unchecked Sendable {
  enum Kind: UInt8 {
    /// Messages of a launcher.
    case control = 1
    /// Bytes of a worker that looks for the store.
    case store = 2
  }
  enum Failure: Error, Equatable {
    case unreachable(String)
    /// The other end closed, was silent for too long, or sent what is no message.
    case lost
    case wrongSecret
  }

  private static let magic = Array("swtune01".utf8)
  private static let largestMessage = 1 << 20
  /// Strangers may connect, and hold a thread so long.
  private static let handshakeSeconds = 5.0

  private let socket: Socket
  private let key: [UInt8]
  /// The direction of what this end sends.
  private let isHost: Bool
  private let sending = NSLock()
  private var sentCount: UInt64 = 0
  private var receivedCount: UInt64 = 0

  private init(_ socket: Socket, key: [UInt8], isHost: Bool) {
    (self.socket, self.key, self.isHost) = (socket, key, isHost)
  }

  /// As the node that connects.
  /// - Parameter timeout: seconds to connect.
  /// - Throws: `Failure`.
  static func connect(
    to address: SocketAddress, _ kind: Kind, nodeRank: Int?, secret: SharedSecret, timeout: Double
  ) throws -> AuthenticatedChannel {
    guard let socket = Socket.connected(to: address, timeout: timeout) else {
      throw Failure.unreachable(String(cString: strerror(errno)))
    }
    socket.setTimeout(seconds: handshakeSeconds)
    guard let greeting = socket.receive(magic.count + 32), greeting.starts(with: magic) else {
      throw Failure.unreachable("what listens there is no launcher of this version of tune")
    }
    let theirs = Array(greeting.suffix(32))
    let own = SharedSecret.randomBytes(32)
    let claim = [kind.rawValue] + bytes(UInt32(truncatingIfNeeded: nodeRank ?? -1))
    let proof = secret.proof(of: Array("node".utf8), theirs, own, claim)
    guard socket.send(magic + claim + own + proof), let answer = socket.receive(33) else {
      throw Failure.lost
    }
    let expected = secret.proof(of: Array("host".utf8), own, theirs, claim)
    guard answer[0] == 1, SharedSecret.areEqual(Array(answer.dropFirst()), expected) else {
      throw Failure.wrongSecret
    }
    let key = secret.proof(of: Array("messages".utf8), theirs, own)
    return AuthenticatedChannel(socket, key: key, isHost: false)
  }

  /// As the host, which was connected to.
  /// - Returns: nil for who is no launcher.
  /// - Throws: `Failure` `.wrongSecret`; `claimedRank` says who that calls itself, if it says.
  static func answer(_ socket: Socket, secret: SharedSecret, claimedRank: inout Int?) throws -> (
    channel: AuthenticatedChannel, kind: Kind
  )? {
    socket.setTimeout(seconds: handshakeSeconds)
    let own = SharedSecret.randomBytes(32)
    guard socket.send(magic + own), let hello = socket.receive(magic.count + 5 + 32 + 32),
      hello.starts(with: magic), let kind = Kind(rawValue: hello[magic.count])
    else { return nil }
    let claim = Array(hello[magic.count..<(magic.count + 5)])
    let rank = claim.dropFirst().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    claimedRank = rank < 65_536 ? Int(rank) : nil
    let theirs = Array(hello[(magic.count + 5)..<(magic.count + 37)])
    let expected = secret.proof(of: Array("node".utf8), own, theirs, claim)
    guard SharedSecret.areEqual(Array(hello.suffix(32)), expected) else {
      _ = socket.send([UInt8](repeating: 0, count: 33))
      throw Failure.wrongSecret
    }
    let proof = secret.proof(of: Array("host".utf8), theirs, own, claim)
    guard socket.send([1] + proof) else { return nil }
    let key = secret.proof(of: Array("messages".utf8), own, theirs)
    return (AuthenticatedChannel(socket, key: key, isHost: true), kind)
  }

  /// How long the other end may be silent; 0 for ever.
  func setTimeout(seconds: Double) { socket.setTimeout(seconds: seconds) }

  /// - Returns: false when the other end is gone.
  @discardableResult
  func send(_ payload: [UInt8]) -> Bool {
    precondition(payload.count <= Self.largestMessage, "a message of \(payload.count) bytes")
    return sending.withLock {
      let code = code(of: payload, fromHost: isHost, number: sentCount)
      sentCount += 1
      return socket.send(Self.bytes(UInt32(payload.count)) + payload + code)
    }
  }

  /// One thread receives.
  /// - Throws: `Failure` `.lost`.
  func receive() throws -> [UInt8] {
    guard let header = socket.receive(4) else { throw Failure.lost }
    let count = Int(header.reduce(UInt32(0)) { $0 << 8 | UInt32($1) })
    guard count <= Self.largestMessage, let payload = socket.receive(count),
      let code = socket.receive(32),
      SharedSecret.areEqual(
        code, self.code(of: payload, fromHost: !isHost, number: receivedCount))
    else { throw Failure.lost }
    receivedCount += 1
    return payload
  }

  func end() { socket.end() }
  var localAddress: SocketAddress? { socket.localAddress }
  var peerAddress: SocketAddress? { socket.peerAddress }

  private func code(of payload: [UInt8], fromHost: Bool, number: UInt64) -> [UInt8] {
    SharedSecret.code([fromHost ? 1 : 0] + Self.bytes(number) + payload, key: key)
  }

  private static func bytes<N: FixedWidthInteger>(_ number: N) -> [UInt8] {
    withUnsafeBytes(of: number.bigEndian) { Array($0) }
  }
}
