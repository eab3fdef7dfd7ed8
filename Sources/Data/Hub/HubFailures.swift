// What can go wrong between here and a hub, each with its own message and what to do about it.
import CCurl
import Essentials
import Foundation

extension TransientFailure {
  /// - Parameters:
  ///   - proxyStatus: a proxy's answer to CONNECT; 0 where there was none.
  /// - Returns: a `TransientFailure`, or a `TuneError` where trying again is of no use.
  static func from(
    _ code: CURLcode, _ message: String, proxyStatus: Int, _ url: URL
  ) -> any Error {
    let host = clean(url.host() ?? "the hub")
    let reason = clean(
      message.isEmpty ? String(cString: curl_easy_strerror(code)) : message, limit: 120)
    if code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_PROXY || proxyStatus >= 300 {
      return TuneError(
        .network, "the proxy refuses to connect to \(host)",
        remedy: "Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY.", cause: Reason(reason))
    }
    switch code {
    case CURLE_URL_MALFORMAT: return TuneError.nonsense("an address that cannot be used", url)
    case CURLE_COULDNT_RESOLVE_HOST:
      return TransientFailure(
        error: unreachable("unknown host '\(host)'", reason), isHopeful: false)
    case CURLE_COULDNT_CONNECT:
      let port = Origin(url).map { ":\($0.port)" } ?? ""
      return TransientFailure(error: unreachable("cannot connect to \(host)\(port)", reason))
    case CURLE_OPERATION_TIMEDOUT:
      return TransientFailure(error: unreachable("no answer from \(host)", nil))
    case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM,
      CURLE_SSL_CIPHER, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR,
      CURLE_SSL_INVALIDCERTSTATUS:
      return untrusted(host, reason)
    default: return TransientFailure(error: cut(url, reason))
    }
  }

  /// The other side has sent nothing for too long.
  static func silence(_ url: URL) -> TransientFailure {
    TransientFailure(
      error: TuneError(
        .network, "\(clean(url.host() ?? "the hub")) stopped sending", remedy: resumable,
        at: .init(file: url.shown)))
  }

  static let resumable = "Run the same command again to resume."

  static func cut(_ url: URL, _ reason: String?) -> TuneError {
    TuneError(
      .network, "the connection failed repeatedly", remedy: resumable,
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
      .network, "cannot verify the certificate of \(host)",
      remedy: "Where a company's proxy has its own certificates, name their file in "
        + "SSL_CERT_FILE.", cause: Reason(clean(reason)))
  }
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
      .network, "unexpected answer from the hub: \(what)",
      remedy: "Check that HF_ENDPOINT, or the proxy, leads to a hub.", at: .init(file: url.shown))
  }

  static let libcurlFailure = TuneError(
    .network, "libcurl cannot begin a request",
    remedy:
      "This process may be out of memory or of file descriptors: close other programs, or raise "
      + "`ulimit -n`.")

  static func isOffline() -> TuneError {
    TuneError(
      .network, "this needs the network, but HF_HUB_OFFLINE is set", remedy: "Unset it.")
  }
}
