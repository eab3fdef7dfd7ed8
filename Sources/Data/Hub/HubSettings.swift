// What a user's environment says about hubs: addresses, tokens, folders, proxies, being offline. It
// is read from a dictionary, once, so that tests have environments of their own. The variables are
// those of huggingface_hub and kagglehub.
import Essentials
import Foundation

package struct HubSettings: Sendable {
  /// Without a slash at the end.
  package var endpoint: URL
  package var token: String?
  /// Whether whoever reads the errors gave options, as to `tune download`; a recipe's are variables only.
  package var takesOptions = true
  package var isOffline: Bool
  /// The cache that huggingface_hub also uses: `datasets--owner--name/snapshots/...`.
  package var cacheFolder: String
  package var kaggle: KaggleSettings
  package var proxies: ProxySettings
  /// A file of certificates to trust instead of the system's.
  package var certificates: String?
  /// Files downloaded at a time.
  package var parallelDownloads = 8
  /// Seconds without a byte after which a connection counts as dead.
  package var silence = 30.0
  package var retry = RetryPolicy()
  package var disk = DiskAccess()

  /// - Parameter environment: such as `ProcessInfo.processInfo.environment`.
  /// - Throws: `TuneError` `.usage` where a variable makes no sense.
  package init(environment: [String: String]) throws {
    let variables = Variables(environment)
    endpoint = try variables.address("HF_ENDPOINT", else: "https://huggingface.co")
    isOffline = variables.flag("HF_HUB_OFFLINE") || variables.flag("TRANSFORMERS_OFFLINE")
    let caches = variables["XDG_CACHE_HOME"] ?? variables.home + "/.cache"
    let home = variables.path("HF_HOME") ?? caches + "/huggingface"
    cacheFolder =
      variables.path("HF_HUB_CACHE") ?? variables.path("HUGGINGFACE_HUB_CACHE") ?? home + "/hub"
    token =
      variables.secret("HF_TOKEN") ?? variables.secret("HUGGING_FACE_HUB_TOKEN")
      ?? Variables.secret(inFile: variables.path("HF_TOKEN_PATH") ?? home + "/token")
    kaggle = try KaggleSettings(variables)
    proxies = try ProxySettings(variables)
    certificates =
      variables.path("SSL_CERT_FILE") ?? variables.path("REQUESTS_CA_BUNDLE")
      ?? variables.path("CURL_CA_BUNDLE")
  }
}

/// Environment variables; one that is empty counts as not set.
package struct Variables: Sendable {
  private let values: [String: String]
  package init(_ values: [String: String]) { self.values = values }

  subscript(name: String) -> String? { values[name].flatMap { $0.isEmpty ? nil : $0 } }

  var home: String { self["HOME"] ?? NSHomeDirectory() }

  func flag(_ name: String) -> Bool {
    ["1", "ON", "YES", "TRUE"].contains(self[name]?.uppercased() ?? "")
  }

  /// A folder or file, in which `~` is the home folder.
  func path(_ name: String) -> String? {
    guard let path = self[name] else { return nil }
    return path == "~" || path.hasPrefix("~/") ? home + path.dropFirst() : path
  }

  func secret(_ name: String) -> String? { self[name].flatMap { Self.secret(of: $0) } }

  func address(_ name: String, else usual: String) throws -> URL {
    let text = self[name] ?? usual
    let trimmed = String(text.reversed().drop { $0 == "/" }.reversed())
    guard let url = URL(string: trimmed), Origin(url) != nil, url.query() == nil else {
      throw TuneError(
        .usage, "\(name) is not an address: '\(clean(text))'",
        remedy: "Set it to something like \(usual), or unset it.")
    }
    return url
  }

  static func secret(inFile path: String) -> String? {
    guard let handle = FileHandle(forReadingAtPath: path),
      let data = try? handle.read(upToCount: 64 << 10)
    else { return nil }
    return secret(of: String(decoding: data, as: UTF8.self))
  }

  /// What stands in a header may hold no line break: a token pasted with one loses it.
  private static func secret(of text: String) -> String? {
    let token = text.filter { !$0.isWhitespace }
    return token.isEmpty ? nil : token
  }
}
