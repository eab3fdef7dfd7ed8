// A hub for tests, on two ports of this machine: the hub itself, and the content network that it
// redirects to. It speaks the Hugging Face Hub's protocol (the real client downloads from it) and
// Kaggle's, writes down what it was asked, and misbehaves where a test wants it to.
import Foundation
import Synchronization

package final class TestHub: Sendable {
  package typealias Misbehaviour = @Sendable (HubRequest) -> HubFault?

  package let repositories: [HubRepository]
  /// By handle with version: `owner/model/framework/variation/1`.
  package let archives: [String: HubFile]
  /// What opens gated and hidden repositories and archives.
  package static let token = "hf_right"
  package let pageSize: Int
  let misbehaviour: Misbehaviour
  private let log = Mutex<[HubRequest]>([])
  private struct Server {
    var listener: Int32
    var port: Int
    var connections: Set<Int32> = []
  }
  private let servers = Mutex<[Server]>([])

  private init(
    _ repositories: [HubRepository], _ archives: [String: HubFile], pageSize: Int,
    _ misbehaviour: @escaping Misbehaviour
  ) {
    self.repositories = repositories
    self.archives = archives
    self.pageSize = pageSize
    self.misbehaviour = misbehaviour
  }

  /// Runs a hub as long as `body` runs.
  package static func serving<R: Sendable>(
    _ repositories: [HubRepository] = [], archives: [String: HubFile] = [:], pageSize: Int = 1000,
    misbehaving: @escaping Misbehaviour = { _ in nil }, _ body: (TestHub) async throws -> R
  ) async throws -> R {
    let hub = TestHub(repositories, archives, pageSize: pageSize, misbehaving)
    for isContent in [false, true] { try hub.listen(isContent) }
    do {
      let result = try await body(hub)
      hub.stop()
      return result
    } catch {
      hub.stop()
      throw error
    }
  }

  private struct NoPort: Error {}

  private func listen(_ isContent: Bool) throws {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) { address in
      address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, size) == 0 && Foundation.listen(listener, 64) == 0
          && getsockname(listener, $0, &size) == 0
      }
    }
    guard isBound else { throw NoPort() }
    let port = Int(UInt16(bigEndian: address.sin_port))
    let index = servers.withLock { servers in
      servers.append(Server(listener: listener, port: port))
      return servers.count - 1
    }
    Thread.detachNewThread { self.accept(listener, index, isContent) }
  }

  private func accept(_ listener: Int32, _ index: Int, _ isContent: Bool) {
    while true {
      let connection = Foundation.accept(listener, nil, nil)
      guard connection >= 0 else {
        // Only here: closed elsewhere, its number could be another hub's listener by the next turn.
        close(listener)
        return
      }
      servers.withLock { _ = $0[index].connections.insert(connection) }
      Thread.detachNewThread {
        HubConnection(hub: self, isContent: isContent, socket: connection).serve()
        // Under the lock: a number that is closed may be another file's at once.
        self.servers.withLock {
          $0[index].connections.remove(connection)
          close(connection)
        }
      }
    }
  }

  private func stop() {
    servers.withLock { servers in
      for server in servers {
        shutdown(server.listener, Int32(SHUT_RDWR))
        for connection in server.connections { shutdown(connection, Int32(SHUT_RDWR)) }
      }
    }
  }

  /// For HF_ENDPOINT and KAGGLE_API_ENDPOINT.
  package var endpoint: String { "http://127.0.0.1:\(servers.withLock { $0[0].port })" }
  /// The content network: another port, and so another origin.
  package var content: String { "http://127.0.0.1:\(servers.withLock { $0[1].port })" }

  package var requests: [HubRequest] { log.withLock { $0 } }

  /// Writes a request down; nil where it is none.
  func note(_ head: [String], isContent: Bool) -> HubRequest? {
    let words = head[0].split(separator: " ").map(String.init)
    guard words.count == 3 else { return nil }
    let parts = words[1].split(separator: "?", maxSplits: 1).map(String.init)
    var headers: [String: String] = [:]
    for line in head.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { return nil }
      headers[line[..<colon].lowercased()] =
        line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
    }
    return log.withLock { log in
      let path = parts.first ?? "/"
      let request = HubRequest(
        method: words[0], path: path, query: parts.count > 1 ? parts[1] : "", headers: headers,
        earlier: log.count { $0.path == path && $0.isContent == isContent },
        isContent: isContent)
      log.append(request)
      return request
    }
  }
}
