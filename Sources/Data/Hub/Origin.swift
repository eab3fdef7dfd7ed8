// Where a request goes, for the one question that matters before a token is sent: is it the same
// place? Two addresses are one place when scheme, host and port agree.
import Foundation

package struct Origin: Hashable, Sendable {
  package let scheme: String
  package let host: String
  package let port: Int

  package init?(_ url: URL) {
    guard let scheme = url.scheme?.lowercased(), scheme == "http" || scheme == "https",
      let host = url.host()?.lowercased(), !host.isEmpty
    else { return nil }
    self.scheme = scheme
    self.host = host
    port = url.port ?? (scheme == "https" ? 443 : 80)
  }

  package var isSecure: Bool { scheme == "https" }
}

extension URL {
  /// For messages: without the query, in which a redirect's signature is a secret, and without a
  /// user's name and password.
  var shown: String {
    guard let origin = Origin(self) else { return "an address that is not HTTP" }
    let port = port.map { ":\($0)" } ?? ""
    return clean("\(origin.scheme)://\(origin.host)\(port)\(path(percentEncoded: true))")
  }
}

/// A server's text made fit for a terminal: one line, no control characters, not endless.
func clean(_ text: String, limit: Int = 300) -> String {
  let scalars = text.unicodeScalars.prefix(limit).map {
    $0.properties.generalCategory == .control || $0.properties.generalCategory == .format
      ? Unicode.Scalar(UInt8(ascii: " ")) : $0
  }
  return String(String.UnicodeScalarView(scalars)).trimmingCharacters(in: .whitespaces)
}
