// What can go wrong between here and a hub, each with its own message and what to do about it.
import AsyncHTTPClient
import Essentials
import Foundation
import NIOCore
import NIOPosix
import NIOSSL

extension TransientFailure {
  /// - Parameter cause: what the HTTP client threw.
  /// - Returns: a `TransientFailure`, a `TuneError` where trying again is of no use, or a
  ///   `CancellationError`.
  static func from(_ cause: any Error, _ url: URL) -> any Error {
    let host = clean(url.host() ?? "the hub")
    if cause is CancellationError { return cause }
    switch cause {
    case is TuneError, is TransientFailure: return cause
    case let error as HTTPClientError: return from(client: error, host, url)
    case let error as NIOConnectionError:
      let unknown = error.connectionErrors.isEmpty
      return TransientFailure(
        error: unreachable(
          unknown ? "there is no host '\(host)'" : "cannot connect to \(host):\(error.port)",
          error.connectionErrors.first.map { shortened($0.error) }),
        isHopeful: !unknown)
    case let error as NIOSSLError:
      if case .uncleanShutdown = error { break }
      return untrusted(host, "\(error)")
    case is NIOSSLExtraError: return untrusted(host, "\(cause)")
    case let error as IOError
    where [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT].contains(error.errnoCode):
      let port = Origin(url).map { ":\($0.port)" } ?? ""
      return TransientFailure(
        error: unreachable("cannot connect to \(host)\(port)", shortened(error)))
    case is ChannelError:
      return TransientFailure(error: unreachable("cannot connect to \(host)", shortened(cause)))
    default: break
    }
    return TransientFailure(error: cut(url, shortened(cause)))
  }

  private static func from(client error: HTTPClientError, _ host: String, _ url: URL) -> any Error {
    switch error {
    case .cancelled: return CancellationError()
    case .connectTimeout, .tlsHandshakeTimeout, .socksHandshakeTimeout, .httpProxyHandshakeTimeout,
      .getConnectionFromPoolTimeout:
      return TransientFailure(error: unreachable("\(host) does not answer", nil))
    case .readTimeout, .writeTimeout, .deadlineExceeded:
      return TransientFailure(
        error: TuneError(
          .network, "\(host) stopped sending", remedy: resumable, at: .init(file: url.shown)))
    case .proxyAuthenticationRequired, .invalidProxyResponse:
      return TuneError(
        .network, "the proxy refuses to connect to \(host)",
        remedy: "Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY.", cause: Reason(shortened(error)))
    case .invalidURL, .emptyHost, .emptyScheme:
      return TuneError.nonsense("an address that cannot be used", url)
    default: return TransientFailure(error: cut(url, shortened(error)))
    }
  }

  static let resumable = "Run the same command again: what has arrived is kept."

  static func cut(_ url: URL, _ reason: String?) -> TuneError {
    TuneError(
      .network, "the connection broke off again and again", remedy: resumable,
      at: .init(file: url.shown), cause: reason.map(Reason.init))
  }

  private static func unreachable(_ message: String, _ reason: String?) -> TuneError {
    TuneError(
      .network, message,
      remedy: "Check the network, HF_ENDPOINT, and HTTPS_PROXY where a proxy is needed.",
      cause: reason.map(Reason.init))
  }

  private static func untrusted(_ host: String, _ reason: String) -> TuneError {
    TuneError(
      .network, "there is no trusted connection to \(host)",
      remedy: "Where a company's proxy has its own certificates, name their file in "
        + "SSL_CERT_FILE.", cause: Reason(clean(reason)))
  }

  private static func shortened(_ error: any Error) -> String { clean("\(error)", limit: 120) }
}

/// The cause of a `TuneError` where it is text.
struct Reason: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

extension TuneError {
  /// A hub's answer that makes no sense.
  static func nonsense(_ what: String, _ url: URL) -> TuneError {
    TuneError(
      .network, "this is not how a hub answers: \(what)",
      remedy: "Check that HF_ENDPOINT, or the proxy, leads to a hub.", at: .init(file: url.shown))
  }

  static func isOffline() -> TuneError {
    TuneError(
      .network, "HF_HUB_OFFLINE is set, and this needs the network", remedy: "Unset it.")
  }
}
