// The launcher at which the others meet: listens at the endpoint, lets in who knows the secret, tells
// `RendezvousRounds` what happens and sends what it decides. It also carries the workers' bytes to the store of
// rank 0, which itself listens on loopback only.
import Essentials
import Foundation

/// Unchecked because the lock guards what changes.
final class RendezvousHost: @unchecked Sendable {
  /// Strangers whose handshakes are under way.
  private static let mostStrangers = 64

  private let settings: RendezvousSettings
  private let listener: Socket
  private let say: @Sendable (String) -> Void
  private let condition = NSCondition()
  private var rounds: RendezvousRounds
  private var channels: [Int: AuthenticatedChannel] = [:]
  private var (nextID, strangers, isClosed) = (0, 0, false)

  /// - Throws: `TuneError` `.network`.
  /// - Returns: nil where another launcher of this machine is the host already.
  static func open(
    _ settings: RendezvousSettings, own: NodeClaim, say: @escaping @Sendable (String) -> Void
  ) throws -> RendezvousHost? {
    let found = SocketAddress.resolve(settings.host, port: settings.port)
    guard let address = found.addresses.first else {
      throw RendezvousNode.unknownHost(settings, found.failure ?? "no address")
    }
    if let socket = Socket.listening(at: address) {
      return RendezvousHost(settings, own: own, socket, say)
    }
    // The name may lead to this machine by another's address.
    if errno == EADDRNOTAVAIL, settings.nodeRank == 0,
      let socket = Socket.listening(at: address.ofAnyInterface)
    {
      return RendezvousHost(settings, own: own, socket, say)
    }
    guard settings.nodeRank == 0 else { return nil }
    throw TuneError(
      .network,
      "cannot listen at \(settings.endpoint): \(String(cString: strerror(errno)))",
      remedy: "Choose another port in --rdzv_endpoint, the same on every node; node 0 must run on "
        + "the host that it names.")
  }

  private init(
    _ settings: RendezvousSettings, own: NodeClaim, _ listener: Socket,
    _ say: @escaping @Sendable (String) -> Void
  ) {
    (self.settings, self.listener, self.say) = (settings, listener, say)
    var own = own
    own.isHost = true
    rounds = RendezvousRounds(settings, own: own, runID: UUID().uuidString, now: Self.now)
    Thread.detachNewThread { [self] in
      while let socket = listener.accept() { greet(socket) }
    }
    Thread.detachNewThread { [self] in keepTime() }
  }

  /// Ends the run for all nodes.
  func end(_ end: RunEnd) { change { $0.end(end) } }

  /// - Parameter seconds: for nodes that have not been told yet that the run is over.
  func close(waiting seconds: Double) {
    let deadline = Date(timeIntervalSinceNow: seconds)
    condition.lock()
    while !channels.isEmpty || nextID < settings.nodes.lowerBound {
      if !condition.wait(until: deadline) { break }
    }
    isClosed = true
    let left = Array(channels.values)
    condition.unlock()
    listener.end()
    for channel in left { channel.end() }
  }

  private static var now: Double { Double(DispatchTime.now().uptimeNanoseconds) / 1e9 }

  // MARK: Decisions

  private func change(_ body: (inout RendezvousRounds) -> Void) {
    condition.withLock {
      body(&rounds)
      flush()
    }
  }

  private func flush() {
    for (id, message) in rounds.messages { channels[id]?.send(message) }
    for remark in rounds.remarks { say(remark) }
    (rounds.messages, rounds.remarks) = ([], [])
    condition.broadcast()
  }

  private func keepTime() {
    var lastSign = 0.0
    while true {
      usleep(100_000)
      let isOver = condition.withLock {
        if isClosed { return true }
        rounds.tick(now: Self.now)
        flush()
        if Self.now - lastSign >= Double(settings.keepAliveInterval) {
          lastSign = Self.now
          for channel in channels.values { channel.send(HostMessage.alive) }
        }
        return false
      }
      if isOver { return }
    }
  }

  // MARK: Connections

  private func greet(_ socket: Socket) {
    let isLet = condition.withLock {
      guard strangers < Self.mostStrangers else { return false }
      strangers += 1
      return true
    }
    guard isLet else { return }
    Thread.detachNewThread { [self] in
      var rank: Int?
      let answered: (channel: AuthenticatedChannel, kind: AuthenticatedChannel.Kind)?
      do {
        answered = try AuthenticatedChannel.answer(
          socket, secret: settings.secret, claimedRank: &rank)
      } catch {
        answered = nil
        let who = rank.map { "node \($0)" } ?? "a node"
        say(
          "Refused \(who) at \(socket.peerAddress?.host ?? "?"): it does not know this run's secret"
        )
      }
      condition.withLock { strangers -= 1 }
      switch answered?.kind {
      case .control?: if let channel = answered?.channel { serve(channel) }
      case .store?: if let channel = answered?.channel { carryToStore(channel) }
      case nil: break
      }
    }
  }

  private func serve(_ channel: AuthenticatedChannel) {
    guard case .join(let claim)? = try? channel.receive(NodeMessage.self) else { return }
    channel.setTimeout(seconds: settings.silence)
    let id = condition.withLock {
      nextID += 1
      channels[nextID] = channel
      return nextID
    }
    let address = channel.peerAddress?.host ?? "?"
    change {
      $0.joined(
        id,
        .init(
          claim: claim, address: address, hostInterface: channel.localAddress?.interface),
        now: Self.now)
    }
    do {
      while true {
        let message = try channel.receive(NodeMessage.self)
        change { $0.received(id, message, now: Self.now) }
      }
    } catch {
      condition.withLock {
        channels[id] = nil
        let silence = Int(settings.silence)
        rounds.lost(
          id, "its connection ended, or was silent for \(silence) s", now: Self.now)
        flush()
      }
    }
    channel.end()
  }

  /// Bytes of a worker on another node, from and to the store of its round.
  private func carryToStore(_ channel: AuthenticatedChannel) {
    guard let number = try? channel.receive(Int.self) else { return }
    channel.setTimeout(seconds: 0)
    // Rank 0 may not have started its store yet.
    while true {
      let port = condition.withLock { rounds.round == number ? rounds.storePort : nil }
      guard let port, let address = SocketAddress.loopback(port) else { return channel.end() }
      if let socket = Socket.connected(to: address, timeout: 5) {
        return StoreTunnel.carry(between: channel, and: socket)
      }
      usleep(100_000)
      if condition.withLock({ isClosed }) { return channel.end() }
    }
  }
}
