// Which requests go through a proxy: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, in either
// case, as curl and Python read them.
import Essentials
import Foundation

package struct ProxySettings: Sendable {
  package struct Proxy: Hashable, Sendable {
    enum Kind: Hashable, Sendable { case http, socks }
    var kind: Kind
    var host: String
    var port: Int
    var user: String?
    var password: String?
  }

  private var byScheme: [String: Proxy] = [:]
  private var exceptions: [String] = []

  package init(_ variables: Variables) throws {
    let all = try Self.proxy("ALL_PROXY", variables)
    for scheme in ["http", "https"] {
      byScheme[scheme] = try Self.proxy(scheme.uppercased() + "_PROXY", variables) ?? all
    }
    let list = variables["no_proxy"] ?? variables["NO_PROXY"] ?? ""
    exceptions = list.lowercased().split { $0 == "," || $0 == " " }.map(String.init)
  }

  package func proxy(for origin: Origin) -> Proxy? {
    guard let proxy = byScheme[origin.scheme], !isException(origin) else { return nil }
    return proxy
  }

  private func isException(_ origin: Origin) -> Bool {
    exceptions.contains { exception in
      var name = exception[...]
      if let colon = name.lastIndex(of: ":"), let port = Int(name[name.index(after: colon)...]) {
        guard port == origin.port else { return false }
        name = name[..<colon]
      }
      if name == "*" { return true }
      while name.first == "." { name = name.dropFirst() }
      return !name.isEmpty && (origin.host == name || origin.host.hasSuffix("." + name))
    }
  }

  private static func proxy(_ name: String, _ variables: Variables) throws -> Proxy? {
    guard let text = variables[name.lowercased()] ?? variables[name] else { return nil }
    let full = text.contains("://") ? text : "http://" + text
    guard let parts = URLComponents(string: full), let host = parts.host, !host.isEmpty,
      let kind = kinds[parts.scheme?.lowercased() ?? ""]
    else {
      throw TuneError(
        .usage, "\(name) names no proxy that can be used",
        remedy: "Set it to something like http://host:8080 or socks5://host:1080, or unset it.")
    }
    return Proxy(
      kind: kind, host: host, port: parts.port ?? (kind == .socks ? 1080 : 80),
      user: parts.user, password: parts.password)
  }
  private static let kinds: [String: Proxy.Kind] = [
    "http": .http, "socks": .socks, "socks5": .socks, "socks5h": .socks,
  ]
}
