// Launchers that prove to each other that they know a secret, over sockets of loopback.
import Essentials
import Foundation
import Testing

@testable import Launching

struct AuthenticatedChannelTests {
  private typealias Channel = AuthenticatedChannel

  private static func secret(_ letter: String) throws -> SharedSecret {
    try SharedSecret(String(repeating: letter, count: 32), from: "a test")
  }

  /// What the host got: a channel, or why not, and who it was by its own word.
  private final class Host: @unchecked Sendable {
    let listener: Socket
    let address: SocketAddress
    private let answered = DispatchSemaphore(value: 0)
    private var channel: AuthenticatedChannel?
    private var (failure, rank): (AuthenticatedChannel.Failure?, Int?)

    init(_ secret: SharedSecret) throws {
      let loopback = try #require(SocketAddress.loopback(0))
      listener = try #require(Socket.listening(at: loopback))
      address = try #require(listener.localAddress)
      Thread.detachNewThread { [self] in
        if let socket = listener.accept() {
          do {
            channel = try Channel.answer(socket, secret: secret, claimedRank: &rank)?.channel
          } catch { failure = error as? Channel.Failure }
        }
        answered.signal()
      }
    }
    func result() -> (channel: AuthenticatedChannel?, failure: Channel.Failure?, rank: Int?) {
      answered.wait()
      answered.signal()
      return (channel, failure, rank)
    }
  }

  private func connect(_ host: Host, _ secret: SharedSecret) throws -> Channel {
    try Channel.connect(to: host.address, .control, nodeRank: 3, secret: secret, timeout: 5)
  }

  @Test func thoseWhoShareASecretTalk() throws {
    let host = try Host(Self.secret("a"))
    let node = try connect(host, Self.secret("a"))
    let answered = try #require(host.result().channel)
    #expect(host.result().rank == 3)
    node.send(NodeMessage.refuses("no"))
    answered.send(HostMessage.stop(round: 2, isGentle: true))
    guard case .refuses("no") = try answered.receive(NodeMessage.self),
      case .stop(2, true) = try node.receive(HostMessage.self)
    else {
      Issue.record("the messages are not those that were sent")
      return
    }
    node.end()
    #expect(throws: Channel.Failure.lost) { try answered.receive() as [UInt8] }
  }

  @Test func anotherSecretIsRefusedOnBothSides() throws {
    let host = try Host(Self.secret("a"))
    #expect(throws: Channel.Failure.wrongSecret) { try connect(host, Self.secret("b")) }
    #expect(host.result().failure == .wrongSecret && host.result().rank == 3)
  }

  /// A recorded handshake is worth nothing: the host asks with another number every time.
  @Test func aSecretIsNeverSentAndAnswersAreGoodOnce() throws {
    let secret = try Self.secret("a")
    func hello(_ host: Host) throws -> [UInt8] {
      // Between the two stands one who listens.
      let loopback = try #require(SocketAddress.loopback(0))
      let middle = try #require(Socket.listening(at: loopback))
      let recorded = DispatchSemaphore(value: 0)
      nonisolated(unsafe) var bytes: [UInt8] = []
      Thread.detachNewThread {
        let upstream = Socket.connected(to: host.address, timeout: 5)
        let socket = middle.accept()
        if let greeting = upstream?.receive(40) { _ = socket?.send(greeting) }
        bytes = socket?.receive(77) ?? []
        recorded.signal()
      }
      let address = try #require(middle.localAddress)
      _ = try? Channel.connect(
        to: address, .control, nodeRank: 3, secret: secret, timeout: 5)
      recorded.wait()
      return bytes
    }
    let first = try hello(try Host(secret))
    #expect(first.count == 77)
    #expect(!String(decoding: first, as: UTF8.self).contains("aaaaaaaa"))
    let second = try Host(secret)
    let socket = try #require(Socket.connected(to: second.address, timeout: 5))
    #expect(socket.receive(40) != nil)
    #expect(socket.send(first))
    #expect(socket.receive(33)?.first == 0)
    #expect(second.result().failure == .wrongSecret)
  }

  /// Whoever is on the way cannot change a message, nor send one twice.
  @Test(arguments: [false, true]) func aChangedMessageEndsTheChannel(twice: Bool) throws {
    let secret = try Self.secret("a")
    let host = try Host(secret)
    let loopback = try #require(SocketAddress.loopback(0))
    let middle = try #require(Socket.listening(at: loopback))
    Thread.detachNewThread {
      guard let socket = middle.accept(),
        let upstream = Socket.connected(to: host.address, timeout: 5)
      else { return }
      if let bytes = upstream.receive(40) { _ = socket.send(bytes) }
      if let bytes = socket.receive(77) { _ = upstream.send(bytes) }
      if let bytes = upstream.receive(33) { _ = socket.send(bytes) }
      guard var bytes = socket.receive(4 + 5 + 32) else { return }
      if !twice { bytes[4] ^= 1 }
      _ = upstream.send(bytes)
      if twice { _ = upstream.send(bytes) }
    }
    let address = try #require(middle.localAddress)
    let node = try Channel.connect(
      to: address, .control, nodeRank: 3, secret: secret, timeout: 5)
    let answered = try #require(host.result().channel)
    node.send(Array("hello".utf8))
    if twice { #expect(try answered.receive() as [UInt8] == Array("hello".utf8)) }
    #expect(throws: Channel.Failure.lost) { try answered.receive() as [UInt8] }
  }

  @Test func strangersAreSentAway() throws {
    for words in ["GET / HTTP/1.1\r\n\r\n" + String(repeating: "x", count: 80), ""] {
      let host = try Host(Self.secret("a"))
      let socket = try #require(Socket.connected(to: host.address, timeout: 5))
      _ = socket.send(Array(words.utf8))
      socket.end()
      #expect(host.result().channel == nil && host.result().failure == nil)
    }
  }
}
