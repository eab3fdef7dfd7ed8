// Requests and answers over HTTP: proxies, certificates, redirects. A token goes to the origins it
// is meant for and nowhere else, whoever redirects. HTTP/1.1 only: a connection a file is faster
// than many files through one.
import CCurl
import Essentials
import Foundation
import Synchronization

final class WebSession: Sendable {
  /// A secret and the origins that may see it.
  struct Credential: Sendable {
    var header: String
    var origins: Set<Origin>
  }
  struct Response: Sendable {
    var status: Int
    var headers: HeaderFields
    var body = Body()
    /// Behind all redirects.
    var url: URL
    /// Headers of the first answer: a hub tells about a file before it redirects.
    var firstHeaders: HeaderFields

    func header(_ name: String) -> String? { headers.first(name: name) }

    /// Reads the rest, so that the connection can be used again.
    func drain() async { _ = try? await data(limit: 64 << 10) }
  }
  /// A body as it arrives; the request ends when no one holds it any more.
  final class Body: Sendable {
    private let transfer: Transfer?
    init(_ transfer: Transfer? = nil) { self.transfer = transfer }
    deinit { transfer?.cancel() }
    /// The next bytes; nil at the end.
    func next() async throws -> [UInt8]? { try await transfer?.next() }
  }

  private let settings: HubSettings
  /// Connections that are open and unused, each with the libcurl handle that keeps it.
  private let idle = Mutex<[Transfer.Handle]>([])
  private static let isReady: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK
  private static let redirectLimit = 10

  init(_ settings: HubSettings) { self.settings = settings }

  deinit {
    for handle in idle.withLock({ $0 }) { curl_multi_cleanup(handle.raw) }
  }

  /// Sends a request and follows redirects; an answer of any status is returned.
  /// - Throws: `TransientFailure`, `TuneError`, `CancellationError`.
  func get(_ url: URL, headers: HeaderFields = [:], credential: Credential?) async throws
    -> Response
  {
    var (url, first) = (url, nil as HeaderFields?)
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

  private func send(_ url: URL, _ headers: HeaderFields, _ credential: Credential?) async throws
    -> Response
  {
    guard let origin = Origin(url) else {
      throw TuneError.nonsense("an address that cannot be used", url)
    }
    try Task.checkCancellation()
    var headers = headers
    headers.replaceOrAdd(name: "user-agent", value: "swift-tune")
    // Lengths and ranges are those of the file itself.
    headers.replaceOrAdd(name: "accept-encoding", value: "identity")
    if let credential, credential.origins.contains(origin) {
      guard credential.header.utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) else {
        throw TuneError(
          .usage, "the token has characters that no token has",
          remedy: "Copy it again from https://huggingface.co/settings/tokens.")
      }
      headers.replaceOrAdd(name: "authorization", value: credential.header)
    }
    let transfer = Transfer(
      Transfer.Request(
        url: url, headers: headers, proxy: settings.proxies.proxy(for: origin),
        certificates: try certificates(), silence: settings.silence))
    let body = Body(transfer)
    // Not of the pool that runs tasks: it waits in poll(2).
    Thread.detachNewThread { self.run(transfer) }
    let head = try await transfer.head()
    return Response(
      status: head.status, headers: head.headers, body: body, url: url, firstHeaders: head.headers)
  }

  private func run(_ transfer: Transfer) {
    guard Self.isReady, let handle = idle.withLock({ $0.popLast() }) ?? Transfer.Handle.new() else {
      return transfer.fail(TuneError.libcurlFailure)
    }
    if transfer.run(handle) {
      idle.withLock { $0.append(handle) }
    } else {
      curl_multi_cleanup(handle.raw)
    }
  }

  private func certificates() throws -> String? {
    guard let path = settings.certificates else { return nil }
    guard FileManager.default.isReadableFile(atPath: path) else {
      throw TuneError(
        .missingFile, "SSL_CERT_FILE names a file that cannot be read",
        remedy: "Correct or unset it.", at: .init(file: path))
    }
    return path
  }
}

extension Transfer.Handle {
  fileprivate static func new() -> Self? { curl_multi_init().map { Self(raw: $0) } }
}
