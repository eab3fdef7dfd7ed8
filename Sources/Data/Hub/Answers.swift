// What an answer's status and headers mean: pauses asked for, refusals, and links to next pages.
import Essentials
import Foundation

/// The status and the fields of an answer, as its lines arrive.
package struct AnswerHead: Sendable {
  var status = 0
  var fields = HeaderFields()
  package init() {}
  init(_ status: Int, _ fields: HeaderFields) { (self.status, self.fields) = (status, fields) }

  /// Takes a status line, with which a head begins anew, or a field; other lines are passed over.
  package mutating func receive(line: String) {
    if line.hasPrefix("HTTP/") {
      fields = HeaderFields()
      status = line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    } else if let colon = line.firstIndex(of: ":") {
      fields.add(
        name: String(line[..<colon]),
        value: line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces))
    }
  }

  /// The pause that Retry-After or a rate limit's header asks for.
  package func askedPause(now: Date = Date()) -> Duration? {
    if let text = fields.first(name: "retry-after")?.trimmingCharacters(in: .whitespaces) {
      if let seconds = Int(text), seconds >= 0 { return .seconds(min(seconds, 1 << 30)) }
      if let date = Self.date(text) { return .seconds(max(0, date.timeIntervalSince(now))) }
    }
    // "api";r=0;t=55: none left, and when the count begins anew.
    guard status == 429, let limits = fields.first(name: "ratelimit") else { return nil }
    let parts = limits.split(separator: ";").map { $0.trimmingCharacters(in: .whitespaces) }
    guard let rest = parts.first(where: { $0.hasPrefix("t=") }),
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

  /// The address under `rel="next"`.
  package var nextPage: String? {
    for link in fields["link"] {
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
}

extension WebSession.Response {
  private var head: AnswerHead { AnswerHead(status, headers) }
  func askedPause(now: Date = Date()) -> Duration? { head.askedPause(now: now) }
  var nextPage: String? { head.nextPage }

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
