// What an answer's status and headers mean: pauses asked for, refusals, and links to next pages.
import Essentials
import Foundation

extension WebSession.Response {
  /// The pause that Retry-After or a rate limit's header asks for.
  func askedPause(now: Date = Date()) -> Duration? {
    if let text = header("retry-after")?.trimmingCharacters(in: .whitespaces) {
      if let seconds = Int(text), seconds >= 0 { return .seconds(min(seconds, 1 << 30)) }
      if let date = Self.date(text) { return .seconds(max(0, date.timeIntervalSince(now))) }
    }
    // "api";r=0;t=55: none left, and when the count begins anew.
    guard status == 429, let limits = header("ratelimit") else { return nil }
    let fields = limits.split(separator: ";").map { $0.trimmingCharacters(in: .whitespaces) }
    guard let rest = fields.first(where: { $0.hasPrefix("t=") }),
      let seconds = Int(rest.dropFirst(2)), seconds >= 0
    else { return nil }
    return .seconds(min(seconds, 1 << 30) + 1)
  }

  private static func date(_ text: String) -> Date? {
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(identifier: "GMT")
    formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss zzz"
    return formatter.date(from: text)
  }

  /// A failure that another attempt may mend, as a hub under load gives; nil for all others.
  func transientFailure(_ host: String) -> TransientFailure? {
    let asked = askedPause()
    switch status {
    case 429:
      let pause = asked.map { ", and asks to wait \($0.components.seconds) seconds" } ?? ""
      return TransientFailure(
        error: TuneError(
          .network, "\(host) takes no more requests for now\(pause)",
          remedy: "Try later. With a token (HF_TOKEN) the hub allows more.",
          at: .init(file: url.shown)),
        askedPause: asked)
    case 408, 500, 502, 503, 504:
      return TransientFailure(
        error: TuneError(
          .network, "\(host) reported a server error (status \(status))",
          remedy: "Try later. " + TransientFailure.resumable, at: .init(file: url.shown)),
        askedPause: asked)
    default: return nil
    }
  }

  /// The address under `rel="next"`.
  var nextPage: String? {
    for link in headers["link"] {
      for part in link.split(separator: ",<").map(String.init) {
        let fields = part.split(separator: ";").map { $0.trimmingCharacters(in: .whitespaces) }
        guard fields.dropFirst().contains(where: { $0 == "rel=\"next\"" || $0 == "rel=next" }),
          let target = fields.first
        else { continue }
        return target.trimmingCharacters(in: CharacterSet(charactersIn: "<> ,"))
      }
    }
    return nil
  }

  /// The whole body, of at most `limit` bytes.
  func data(limit: Int) async throws -> Data {
    var data = Data()
    while let piece = try await body.next() {
      guard data.count + piece.count <= limit else {
        throw TuneError.nonsense("more than \(DiskAccess.shown(limit)) in one answer", url)
      }
      data.append(contentsOf: piece)
    }
    return data
  }
}
