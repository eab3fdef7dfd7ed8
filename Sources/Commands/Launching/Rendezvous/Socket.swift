// TCP sockets of launchers: an address to listen on, connections with time limits. Errors are `errno`; who
// calls says what they mean.
import Essentials
import Foundation

#if canImport(Darwin)
  let streamSocket = SOCK_STREAM
  private let sendFlags: Int32 = 0
#else
  let streamSocket = Int32(SOCK_STREAM.rawValue)
  private let sendFlags = Int32(MSG_NOSIGNAL)
#endif

/// An address and a port, of IPv4 or IPv6.
struct SocketAddress: Sendable {
  private let storage: sockaddr_storage
  private let length: socklen_t

  fileprivate init(_ pointer: UnsafePointer<sockaddr>, _ length: socklen_t) {
    var storage = sockaddr_storage()
    memcpy(&storage, pointer, min(Int(length), MemoryLayout<sockaddr_storage>.size))
    (self.storage, self.length) = (storage, length)
  }

  /// - Returns: nil where the host has no address, with what the resolver says.
  static func resolve(_ host: String, port: Int) -> (addresses: [SocketAddress], failure: String?) {
    var hints = addrinfo()
    hints.ai_socktype = streamSocket
    var found: UnsafeMutablePointer<addrinfo>?
    let status = getaddrinfo(host, String(port), &hints, &found)
    defer { if let found { freeaddrinfo(found) } }
    guard status == 0 else { return ([], String(cString: gai_strerror(status))) }
    var addresses: [SocketAddress] = []
    var next = found
    while let entry = next?.pointee {
      if let address = entry.ai_addr { addresses.append(.init(address, entry.ai_addrlen)) }
      next = entry.ai_next
    }
    return (addresses, nil)
  }

  /// Any address of this machine of the same family, with the same port.
  var ofAnyInterface: SocketAddress {
    with { pointer, length in
      var copy = SocketAddress(pointer, length).storage
      withUnsafeMutablePointer(to: &copy) {
        if family == AF_INET6 {
          $0.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) {
            $0.pointee.sin6_addr = in6addr_any
          }
        } else {
          $0.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
            $0.pointee.sin_addr.s_addr = 0
          }
        }
      }
      return withUnsafePointer(to: &copy) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { SocketAddress($0, length) }
      }
    }
  }

  var family: Int32 { Int32(storage.ss_family) }

  func with<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
    withUnsafePointer(to: storage) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
    }
  }

  private func name(_ flags: Int32) -> (host: String, port: String) {
    var host = [CChar](repeating: 0, count: 256)
    var port = [CChar](repeating: 0, count: 32)
    let (hostSize, portSize) = (socklen_t(host.count), socklen_t(port.count))
    let status = with {
      getnameinfo($0, $1, &host, hostSize, &port, portSize, flags)
    }
    guard status == 0 else { return ("an unknown address", "0") }
    func text(_ characters: [CChar]) -> String {
      String(decoding: characters.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
    return (text(host), text(port))
  }
  /// Without the port, in numbers.
  var host: String { name(Int32(NI_NUMERICHOST) | Int32(NI_NUMERICSERV)).host }
  var port: Int { Int(name(Int32(NI_NUMERICHOST) | Int32(NI_NUMERICSERV)).port) ?? 0 }
  var isLoopback: Bool {
    let host = host
    return host == "::1" || host.hasPrefix("127.") || host.hasPrefix("::ffff:127.")
  }

  /// The network interface that has the address.
  var interface: String? {
    let wanted = host.hasPrefix("::ffff:") ? String(host.dropFirst(7)) : host
    var list: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&list) == 0 else { return nil }
    defer { freeifaddrs(list) }
    var next = list
    while let entry = next?.pointee {
      next = entry.ifa_next
      guard let address = entry.ifa_addr else { continue }
      let size: Int
      switch Int32(address.pointee.sa_family) {
      case AF_INET: size = MemoryLayout<sockaddr_in>.size
      case AF_INET6: size = MemoryLayout<sockaddr_in6>.size
      default: continue
      }
      if SocketAddress(address, socklen_t(size)).host == wanted {
        return String(cString: entry.ifa_name)
      }
    }
    return nil
  }
}

/// A connection, or a place to listen. Unchecked: the descriptor never changes, and is closed when nobody has
/// the socket any more.
final class Socket: @unchecked Sendable {
  private let descriptor: Int32

  init(_ descriptor: Int32) { self.descriptor = descriptor }
  deinit { close(descriptor) }

  /// - Returns: nil with `errno`.
  static func listening(at address: SocketAddress) -> Socket? {
    let descriptor = socket(address.family, streamSocket, 0)
    guard descriptor >= 0 else { return nil }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    var yes: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    guard address.with({ bind(descriptor, $0, $1) }) == 0, listen(descriptor, SOMAXCONN) == 0 else {
      let reason = errno
      close(descriptor)
      errno = reason
      return nil
    }
    return Socket(descriptor)
  }

  /// - Returns: nil with `errno`.
  static func connected(to address: SocketAddress, timeout: Double) -> Socket? {
    let descriptor = socket(address.family, streamSocket, 0)
    guard descriptor >= 0 else { return nil }
    let made = Socket(descriptor)
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    if address.with({ connect(descriptor, $0, $1) }) != 0 {
      guard errno == EINPROGRESS else { return nil }
      var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      guard Foundation.poll(&poll, 1, Int32(timeout * 1000)) == 1 else {
        errno = ETIMEDOUT
        return nil
      }
      var (failure, size): (Int32, socklen_t) = (0, socklen_t(MemoryLayout<Int32>.size))
      getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &failure, &size)
      guard failure == 0 else {
        errno = failure
        return nil
      }
    }
    _ = fcntl(descriptor, F_SETFL, 0)
    made.sendAtOnce()
    return made
  }

  /// - Returns: nil when the socket does not listen any more.
  func accept() -> Socket? {
    while true {
      let accepted = Foundation.accept(descriptor, nil, nil)
      if accepted < 0, errno == EINTR || errno == ECONNABORTED || errno == EMFILE {
        if errno == EMFILE { usleep(100_000) }
        continue
      }
      guard accepted >= 0 else { return nil }
      _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
      let made = Socket(accepted)
      made.sendAtOnce()
      return made
    }
  }

  private func sendAtOnce() {
    var yes: Int32 = 1
    setsockopt(
      descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
  }

  /// How long one read or write may take; 0 for ever.
  func setTimeout(seconds: Double) {
    var time = timeval()
    time.tv_sec = Int(seconds)
    time.tv_usec = .init((seconds - seconds.rounded(.down)) * 1e6)
    let size = socklen_t(MemoryLayout<timeval>.size)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, size)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, size)
  }

  func send(_ bytes: [UInt8]) -> Bool {
    bytes.withUnsafeBytes { buffer in
      var done = 0
      while done < buffer.count {
        let sent = Foundation.send(
          descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done, sendFlags)
        if sent < 0, errno == EINTR { continue }
        guard sent > 0 else { return false }
        done += sent
      }
      return true
    }
  }

  /// What is there, at most `count` bytes; empty at the end, nil on failure.
  func receiveSome(_ count: Int) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: count)
    while true {
      let received = recv(descriptor, &buffer, count, 0)
      if received < 0, errno == EINTR { continue }
      return received < 0 ? nil : Array(buffer.prefix(received))
    }
  }

  /// Exactly `count` bytes, or nil.
  func receive(_ count: Int) -> [UInt8]? {
    var bytes: [UInt8] = []
    while bytes.count < count {
      guard let more = receiveSome(count - bytes.count), !more.isEmpty else { return nil }
      bytes += more
    }
    return bytes
  }

  /// Ends what waits for the socket, in this process and at the other end.
  func end() { shutdown(descriptor, Int32(SHUT_RDWR)) }

  var localAddress: SocketAddress? { address(getsockname) }
  var peerAddress: SocketAddress? { address(getpeername) }

  private func address(
    _ ask: (Int32, UnsafeMutablePointer<sockaddr>?, UnsafeMutablePointer<socklen_t>?) -> Int32
  ) -> SocketAddress? {
    var (storage, length) = (
      sockaddr_storage(), socklen_t(MemoryLayout<sockaddr_storage>.size)
    )
    return withUnsafeMutablePointer(to: &storage) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        ask(descriptor, $0, &length) == 0 ? SocketAddress($0, length) : nil
      }
    }
  }
}
