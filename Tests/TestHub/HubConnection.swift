// One connection to the test hub: takes requests, lets the hub answer, and spoils an answer where a
// fault is asked for. Blocking sockets, a thread a connection.
import Foundation

struct HubConnection {
  let hub: TestHub
  let isContent: Bool
  let socket: Int32

  /// Answers until the client, or the hub, closes the connection.
  func serve() {
    var unread: [UInt8] = []
    while let head = nextHead(&unread), let request = hub.note(head, isContent: isContent) {
      guard answer(request, hub.misbehaviour(request)) else { return }
    }
  }

  /// The lines of the next request, which has no body; nil at the end.
  private func nextHead(_ unread: inout [UInt8]) -> [String]? {
    let end = Array("\r\n\r\n".utf8)
    while true {
      if let range = unread.firstRange(of: end) {
        let text = String(decoding: unread[..<range.lowerBound], as: UTF8.self)
        unread.removeSubrange(..<range.upperBound)
        return text.components(separatedBy: "\r\n")
      }
      var piece = [UInt8](repeating: 0, count: 4096)
      let count = recv(socket, &piece, piece.count, 0)
      guard count > 0, unread.count < 1 << 16 else { return nil }
      unread += piece.prefix(count)
    }
  }

  /// - Returns: whether the connection stays.
  private func answer(_ request: HubRequest, _ fault: HubFault?) -> Bool {
    var request = request
    if case .ignoreRange = fault { request.headers["range"] = nil }
    var answer = hub.answer(request)
    var closesAfter: Int?
    switch fault {
    case nil, .ignoreRange: break
    case .silence: return true
    case .status(let status, let headers): answer = HubAnswer(status, headers: headers)
    case .redirect(let target): answer = HubAnswer(302, headers: ["Location": target])
    case .answer(let text, let headers): answer = HubAnswer(200, Array(text.utf8), headers: headers)
    case .headers(let headers): answer.headers.merge(headers) { $1 }
    case .cut(let count): closesAfter = min(count, answer.body.count)
    case .length(let length):
      answer.headers["Content-Length"] = String(length)
      closesAfter = answer.body.count
    case .corrupt:
      if !answer.body.isEmpty { answer.body[answer.body.count / 2] ^= 1 }
    case .shiftRange:
      answer.headers["Content-Range"] = "bytes 1-\(answer.body.count)/\(answer.body.count)"
    }
    return send(answer, isHead: request.method == "HEAD", closesAfter: closesAfter)
  }

  private func send(_ answer: HubAnswer, isHead: Bool, closesAfter: Int?) -> Bool {
    var lines = ["HTTP/1.1 \(answer.status) -"]
    lines += answer.headers.map { "\($0.key): \($0.value)" }
    if !answer.headers.keys.contains(where: { $0.lowercased() == "content-length" }) {
      lines.append("Content-Length: \(answer.body.count)")
    }
    let body = isHead ? [] : answer.body.prefix(closesAfter ?? answer.body.count)
    var bytes = Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + body
    while !bytes.isEmpty {
      let count = Foundation.send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL))
      guard count > 0 else { return false }
      bytes.removeFirst(count)
    }
    return closesAfter == nil
  }
}
