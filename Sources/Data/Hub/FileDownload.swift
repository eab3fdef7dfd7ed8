// One file, from whatever part of it is there to the whole, checked one. The connection may break,
// stall or lie at any time: the loop goes on from the bytes that are there, gives up when nothing
// more arrives, and begins anew when what has arrived is wrong.
import Essentials
import Foundation

struct FileDownload {
  let session: WebSession
  let credential: WebSession.Credential?
  let retry: RetryPolicy
  let url: URL
  /// For messages.
  let name: String
  let size: Int
  /// What an answer that is a refusal means.
  let refusal: @Sendable (WebSession.Response) async -> TuneError
  let progress: TransferProgress

  /// A server may end answers that are longer than this; so no more is asked for at a time.
  var longestAnswer = 20_000_000_000

  /// Fills the part.
  /// - Throws: `TuneError`, `CancellationError`; the part keeps what has arrived.
  func fill(_ part: PartialFile) async throws {
    var attempts = Attempts(retry)
    var wasWrong = false
    var validator: String?
    while true {
      try Task.checkCancellation()
      if part.isComplete {
        if try part.isRight { return }
        // Once, the cause may be an old part or a bad line; twice, it is the server.
        guard !wasWrong else { throw wrongContent() }
        wasWrong = true
        try restart(part)
        if part.isComplete { throw wrongContent() }
      }
      let before = part.count
      do {
        try await receive(part, &validator)
      } catch let failure as TransientFailure {
        let pause = try attempts.pause(after: failure, madeProgress: part.count > before)
        if pause >= .seconds(5) {
          progress.say("note: \(failure.error.message); waiting \(pause.components.seconds) s")
        }
        try await retry.sleep(pause)
      }
    }
  }

  /// One request; returns when its answer has ended as announced.
  private func receive(_ part: PartialFile, _ validator: inout String?) async throws {
    let end = min(size, part.count + longestAnswer)
    var headers = HeaderFields()
    if part.count > 0 || end < size {
      headers.add(name: "range", value: "bytes=\(part.count)-\(end < size ? "\(end - 1)" : "")")
      if let validator { headers.add(name: "if-range", value: validator) }
    }
    let response = try await session.get(url, headers: headers, credential: credential)
    if let failure = response.transientFailure(clean(response.url.host() ?? "")) { throw failure }
    switch response.status {
    case 200:
      // All of it: the server knows no ranges, or the content behind the address has changed.
      if part.count > 0 { try restart(part) }
    case 206:
      guard let range = response.contentRange, range.start == part.count,
        range.total ?? size == size
      else {
        try restart(part)
        throw misfit("other bytes than the ones asked for", response)
      }
    case 416:
      try restart(part)
      throw misfit("that it has fewer bytes than it listed", response)
    default: throw await refusal(response)
    }
    if let coding = response.header("content-encoding"), coding != "identity" {
      throw misfit("a file packed with '\(clean(coding))'", response)
    }
    let stop = response.status == 206 ? end : size
    if let length = response.header("content-length").flatMap({ Int($0) }),
      length != stop - part.count
    {
      throw misfit("\(length) bytes where \(stop - part.count) are missing", response)
    }
    validator = response.header("etag").flatMap { $0.hasPrefix("\"") ? $0 : nil }
    try await append(response, to: part, until: stop)
  }

  private func append(
    _ response: WebSession.Response, to part: PartialFile, until stop: Int
  ) async throws {
    while let piece = try await response.body.next() {
      let usable = piece.prefix(stop - part.count)
      try usable.withUnsafeBytes { try part.append($0) }
      progress.advance(by: usable.count)
      if piece.count > usable.count { throw misfit("more bytes than it listed", response) }
    }
    if part.count < stop {
      throw TransientFailure(error: TransientFailure.cut(response.url, "\(name) is not whole"))
    }
  }

  private func restart(_ part: PartialFile) throws {
    progress.advance(by: -part.count)
    try part.restart()
  }

  private func misfit(_ what: String, _ response: WebSession.Response) -> TransientFailure {
    TransientFailure(
      error: TuneError(
        .network, "\(name): the server sends \(what)",
        remedy: "Try again later. If the error persists, the repository or the server is broken.",
        at: .init(file: response.url.shown)))
  }

  private func wrongContent() -> TuneError {
    TuneError(
      .network, "\(name): checksum mismatch",
      remedy: "Nothing was kept of them. Try later; if it stays, the repository or a server on "
        + "the way is broken.", at: .init(file: url.shown))
  }
}

extension WebSession.Response {
  /// `bytes 5-9/10`; the total is nil where it is `*`.
  var contentRange: (start: Int, total: Int?)? {
    guard let text = header("content-range"), text.lowercased().hasPrefix("bytes ")
    else { return nil }
    let fields = text.dropFirst(6).split { $0 == "-" || $0 == "/" }
    guard fields.count == 3, let start = Int(fields[0]) else { return nil }
    return (start, Int(fields[2]))
  }
}
