// Requests and answers over HTTP: proxies, certificates, redirects. A token goes to the origins it
// is meant for and nowhere else, whoever redirects. HTTP/1.1 only: a connection a file is faster
// than many files through one.
import AsyncHTTPClient
import Essentials
import Foundation
import NIOCore
import NIOHTTP1
import NIOSSL
import Synchronization

final class WebSession: Sendable {
  /// A secret and the origins that may see it.
  struct Credential: Sendable {
    var header: String
    var origins: Set<Origin>
  }
  struct Response: Sendable {
    var status: Int
    var headers: HTTPHeaders
    var body = HTTPClientResponse.Body()
    /// Behind all redirects.
    var url: URL
    /// Headers of the first answer: a hub tells about a file before it redirects.
    var firstHeaders: HTTPHeaders

    func header(_ name: String) -> String? { headers.first(name: name) }

    /// Reads the rest, so that the connection can be used again.
    func drain() async { _ = try? await body.collect(upTo: 64 << 10) }
  }

  private let settings: HubSettings
  private let clients = Mutex<[ProxySettings.Proxy?: HTTPClient]>([:])
  private static let redirectLimit = 10

  init(_ settings: HubSettings) { self.settings = settings }

  /// Must be called once at the end.
  func shutdown() async {
    let all = clients.withLock { clients in
      defer { clients = [:] }
      return Array(clients.values)
    }
    for client in all { try? await client.shutdown() }
  }

  /// Sends a request and follows redirects; an answer of any status is returned.
  /// - Throws: `TransientFailure`, `TuneError`, `CancellationError`.
  func get(_ url: URL, headers: HTTPHeaders = [:], credential: Credential?) async throws -> Response
  {
    var (url, first) = (url, nil as HTTPHeaders?)
    for _ in 0...Self.redirectLimit {
      let answer = try await send(url, headers, credential)
      guard (301...308).contains(answer.status), answer.status != 304, answer.status != 305,
        let location = answer.headers.first(name: "location")
      else {
        var answer = answer
        answer.firstHeaders = first ?? answer.headers
        return answer
      }
      first = first ?? answer.headers
      guard let target = URL(string: location, relativeTo: url)?.absoluteURL,
        let origin = Origin(target)
      else { throw TuneError.nonsense("a redirect to '\(clean(location))'", url) }
      if Origin(url)?.isSecure == true, !origin.isSecure {
        throw TuneError.nonsense("a redirect from HTTPS to unprotected HTTP", url)
      }
      await answer.drain()
      url = target
    }
    throw TuneError.nonsense("one redirect after another", url)
  }

  private func send(_ url: URL, _ headers: HTTPHeaders, _ credential: Credential?) async throws
    -> Response
  {
    guard let origin = Origin(url) else {
      throw TuneError.nonsense("an address that cannot be used", url)
    }
    try Task.checkCancellation()
    var request = HTTPClientRequest(url: url.absoluteString)
    request.headers = headers
    request.headers.replaceOrAdd(name: "user-agent", value: "swift-tune")
    // Lengths and ranges are those of the file itself.
    request.headers.replaceOrAdd(name: "accept-encoding", value: "identity")
    if let credential, credential.origins.contains(origin) {
      guard credential.header.utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) else {
        throw TuneError(
          .usage, "the token has characters that no token has",
          remedy: "Copy it again from https://huggingface.co/settings/tokens.")
      }
      request.headers.replaceOrAdd(name: "authorization", value: credential.header)
    }
    do {
      let client = try client(for: settings.proxies.proxy(for: origin))
      let response = try await client.execute(request, timeout: .seconds(120))
      return Response(
        status: Int(response.status.code), headers: response.headers, body: response.body, url: url,
        firstHeaders: response.headers)
    } catch {
      throw TransientFailure.from(error, url)
    }
  }

  private func client(for proxy: ProxySettings.Proxy?) throws -> HTTPClient {
    var configuration = try configuration()
    if let proxy { configuration.proxy = Self.proxy(proxy) }
    return clients.withLock { clients in
      if let client = clients[proxy] { return client }
      let client = HTTPClient(
        eventLoopGroupProvider: .singleton, configuration: configuration)
      clients[proxy] = client
      return client
    }
  }

  private func configuration() throws -> HTTPClient.Configuration {
    var tls = TLSConfiguration.makeClientConfiguration()
    if let path = settings.certificates {
      guard FileManager.default.isReadableFile(atPath: path) else {
        throw TuneError(
          .missingFile, "SSL_CERT_FILE names a file that cannot be read",
          remedy: "Correct or unset it.", at: .init(file: path))
      }
      tls.trustRoots = .file(path)
    }
    var configuration = HTTPClient.Configuration(
      tlsConfiguration: tls, redirectConfiguration: .disallow,
      timeout: .init(
        connect: .seconds(10), read: .nanoseconds(Int64(settings.silence * 1e9))),
      decompression: .disabled)
    configuration.httpVersion = .http1Only
    configuration.connectionPool.retryConnectionEstablishment = false
    configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit =
      settings.parallelDownloads + 4
    return configuration
  }

  private static func proxy(_ proxy: ProxySettings.Proxy) -> HTTPClient.Configuration.Proxy {
    switch proxy.kind {
    case .socks: return .socksServer(host: proxy.host, port: proxy.port)
    case .http:
      let authorization = proxy.user.map {
        HTTPClient.Authorization.basic(username: $0, password: proxy.password ?? "")
      }
      return .server(host: proxy.host, port: proxy.port, authorization: authorization)
    }
  }
}
