// A node's connection to the host: looks for it until the time to join is over, and posts what it says.
import Essentials
import Foundation

/// Unchecked because the lock guards the channel.
final class RendezvousNode: @unchecked Sendable {
  private static let patience = 30.0

  private let settings: RendezvousSettings
  private let claim: NodeClaim
  private let events: LaunchEvents
  private let say: @Sendable (String) -> Void
  private let lock = NSLock()
  private var channel: AuthenticatedChannel?
  private var isClosed = false
  private var afterJoining: NodeMessage?

  init(
    _ settings: RendezvousSettings, _ claim: NodeClaim, _ events: LaunchEvents,
    say: @escaping @Sendable (String) -> Void
  ) {
    (self.settings, self.claim, self.events, self.say) = (settings, claim, events, say)
  }

  /// Joins from a thread of its own, and again after the connection was lost.
  func start() {
    Thread.detachNewThread { [self] in
      do {
        let channel = try connect(.control, patiently: true)
        channel.setTimeout(seconds: settings.silence)
        lock.withLock { self.channel = channel }
        channel.send(NodeMessage.join(claim))
        if let message = lock.withLock({ afterJoining }) { channel.send(message) }
        Thread.detachNewThread { [self] in
          while channel.send(NodeMessage.alive) {
            Thread.sleep(forTimeInterval: Double(settings.keepAliveInterval))
          }
        }
        while true { events.post(.host(try channel.receive(HostMessage.self))) }
      } catch let error as TuneError {
        events.post(.cannotJoin(error))
      } catch {
        lock.withLock { channel }?.end()
        events.post(.hostLost)
      }
    }
  }

  func send(_ message: NodeMessage) { _ = lock.withLock { channel }?.send(message) }

  /// Before `start`.
  func sendWhenJoined(_ message: NodeMessage) { lock.withLock { afterJoining = message } }

  func close() {
    lock.withLock {
      isClosed = true
      channel?.end()
    }
  }

  /// The network interface by which this node reaches the host.
  var interface: String? { lock.withLock { channel }?.localAddress?.interface }

  /// A way to the store of the round.
  func storeChannel() -> AuthenticatedChannel? { try? connect(.store, patiently: false) }

  /// - Throws: `TuneError`, or `Failure` where it is not patient.
  private func connect(_ kind: AuthenticatedChannel.Kind, patiently: Bool) throws
    -> AuthenticatedChannel
  {
    let started = DispatchTime.now().uptimeNanoseconds
    var hasComplained = false
    while true {
      var reason = ""
      let found = SocketAddress.resolve(settings.host, port: settings.port)
      if found.addresses.isEmpty {
        let text = found.failure ?? "no address"
        // A name server that does not answer may do so soon.
        guard text.contains("emporary") else { throw Self.unknownHost(settings, text) }
        reason = text
      }
      for address in found.addresses {
        do {
          return try AuthenticatedChannel.connect(
            to: address, kind, nodeRank: settings.nodeRank, secret: settings.secret, timeout: 5)
        } catch AuthenticatedChannel.Failure.wrongSecret {
          throw wrongSecret
        } catch AuthenticatedChannel.Failure.unreachable(let text) {
          reason = text
        } catch AuthenticatedChannel.Failure.lost {
          reason = "the connection ended"
        }
      }
      let waited = Double(DispatchTime.now().uptimeNanoseconds - started) / 1e9
      let isClosed = lock.withLock { self.isClosed }
      guard patiently, !isClosed, waited < Double(settings.joinTimeout) else {
        throw absent(reason)
      }
      if waited > Self.patience, !hasComplained {
        hasComplained = true
        say("Still waiting for node 0 at \(settings.endpoint): \(reason)")
      }
      Thread.sleep(forTimeInterval: 0.2)
    }
  }

  static func unknownHost(_ settings: RendezvousSettings, _ reason: String) -> TuneError {
    TuneError(
      .network, "cannot find the host '\(settings.host)' of the first node: \(reason)",
      remedy: "Correct --rdzv_endpoint.")
  }

  private var wrongSecret: TuneError {
    TuneError(
      .network, "node 0 at \(settings.endpoint) refused this launcher: their secrets differ",
      remedy: "Give every node the same secret: \(SharedSecret.variable), or "
        + "--rdzv_conf secret_file=FILE.")
  }

  private func absent(_ reason: String) -> TuneError {
    TuneError(
      .network,
      "node 0 is missing: nobody answered at \(settings.endpoint) within \(settings.joinTimeout) s "
        + "(\(reason))",
      remedy: "Start node 0 on that host, and check --rdzv_endpoint and that its port is open.")
  }
}
