// The way of a node's workers to the store where ranks meet, which listens on loopback of the host only: they
// connect to a port of their own loopback, and the launchers carry the bytes between.
import Essentials
import Foundation

final class StoreTunnel: @unchecked Sendable {
  let port: Int
  private let listener: Socket

  /// - Parameter connect: an authenticated way to the host, which carries to the store; nil where there is none.
  /// - Throws: `TuneError` `.network`.
  init(round: Int, _ connect: @escaping @Sendable () -> AuthenticatedChannel?) throws {
    guard let address = SocketAddress.loopback(0), let socket = Socket.listening(at: address),
      let port = socket.localAddress?.port
    else {
      throw TuneError(.network, "no free TCP port: \(String(cString: strerror(errno)))")
    }
    (self.port, listener) = (port, socket)
    Thread.detachNewThread {
      while let local = socket.accept() {
        Thread.detachNewThread {
          guard let channel = connect() else { return }
          channel.setTimeout(seconds: 0)
          channel.send(round)
          Self.carry(between: channel, and: local)
        }
      }
    }
  }
  deinit { listener.end() }

  /// Until one of the two ends.
  static func carry(between channel: AuthenticatedChannel, and socket: Socket) {
    Thread.detachNewThread {
      while let bytes = try? channel.receive() as [UInt8], socket.send(bytes) {}
      socket.end()
    }
    while let bytes = socket.receiveSome(1 << 16), !bytes.isEmpty, channel.send(bytes) {}
    channel.end()
  }
}

extension SocketAddress {
  static func loopback(_ port: Int) -> SocketAddress? {
    resolve("127.0.0.1", port: port).addresses.first
  }
}
