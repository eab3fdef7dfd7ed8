// A hub for tests, on two ports of this machine: the hub itself, and the content network that it
// redirects to. It speaks the Hugging Face Hub's protocol (the real client downloads from it) and
// Kaggle's, writes down what it was asked, and misbehaves where a test wants it to.
import Foundation
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix

package final class TestHub: Sendable {
  package typealias Misbehaviour = @Sendable (HubRequest) -> HubFault?

  package let repositories: [HubRepository]
  /// By handle with version: `owner/model/framework/variation/1`.
  package let archives: [String: HubFile]
  /// What opens gated and hidden repositories and archives.
  package static let token = "hf_right"
  package let pageSize: Int
  let misbehaviour: Misbehaviour
  private let log = NIOLockedValueBox<[HubRequest]>([])
  private let channels = NIOLockedValueBox<[any Channel]>([])
  private let ports = NIOLockedValueBox<[Int]>([])

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
    for isContent in [false, true] {
      let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .serverChannelOption(.backlog, value: 64)
        .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        .childChannelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.configureHTTPServerPipeline()
            try channel.pipeline.syncOperations.addHandler(
              HubConnection(hub, isContent: isContent))
          }
        }
        .bind(host: "127.0.0.1", port: 0).get()
      hub.channels.withLockedValue { $0.append(channel) }
      hub.ports.withLockedValue { $0.append(channel.localAddress?.port ?? 0) }
    }
    do {
      let result = try await body(hub)
      await hub.stop()
      return result
    } catch {
      await hub.stop()
      throw error
    }
  }

  private func stop() async {
    for channel in channels.withLockedValue({ $0 }) { try? await channel.close() }
  }

  /// For HF_ENDPOINT and KAGGLE_API_ENDPOINT.
  package var endpoint: String { "http://127.0.0.1:\(ports.withLockedValue { $0[0] })" }
  /// The content network: another port, and so another origin.
  package var content: String { "http://127.0.0.1:\(ports.withLockedValue { $0[1] })" }

  package var requests: [HubRequest] { log.withLockedValue { $0 } }

  /// Writes a request down.
  func note(_ head: HTTPRequestHead, isContent: Bool) -> HubRequest {
    let parts = head.uri.split(separator: "?", maxSplits: 1).map(String.init)
    var headers: [String: String] = [:]
    for (name, value) in head.headers { headers[name.lowercased()] = value }
    return log.withLockedValue { log in
      let path = parts.first ?? "/"
      let request = HubRequest(
        method: head.method.rawValue, path: path, query: parts.count > 1 ? parts[1] : "",
        headers: headers,
        earlier: log.count { $0.path == path && $0.isContent == isContent },
        isContent: isContent)
      log.append(request)
      return request
    }
  }
}
