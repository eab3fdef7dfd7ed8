// One connection to the test hub: takes a request, lets the hub answer, and spoils the answer where
// a fault is asked for.
import NIOCore
import NIOHTTP1

final class HubConnection: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let hub: TestHub
  private let isContent: Bool
  private var head: HTTPRequestHead?

  init(_ hub: TestHub, isContent: Bool) {
    self.hub = hub
    self.isContent = isContent
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): self.head = head
    case .body: break
    case .end:
      guard let head else { return }
      self.head = nil
      let request = hub.note(head, isContent: isContent)
      answer(request, hub.misbehaviour(request), context)
    }
  }

  private func answer(
    _ request: HubRequest, _ fault: HubFault?, _ context: ChannelHandlerContext
  ) {
    var request = request
    if case .ignoreRange = fault { request.headers["range"] = nil }
    var answer = hub.answer(request)
    var closesAfter: Int?
    switch fault {
    case nil, .ignoreRange: break
    case .silence: return
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
    send(answer, isHead: request.method == "HEAD", closesAfter: closesAfter, context)
  }

  private func send(
    _ answer: HubAnswer, isHead: Bool, closesAfter: Int?, _ context: ChannelHandlerContext
  ) {
    var headers = HTTPHeaders(answer.headers.map { ($0.key, $0.value) })
    if !headers.contains(name: "content-length") {
      headers.add(name: "Content-Length", value: String(answer.body.count))
    }
    let head = HTTPResponseHead(
      version: .http1_1, status: .init(statusCode: answer.status), headers: headers)
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    let body = isHead ? [] : answer.body.prefix(closesAfter ?? answer.body.count)
    if !body.isEmpty {
      context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
    }
    guard closesAfter != nil else {
      context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
      return
    }
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer())))).whenComplete { _ in
      bound.value.close(promise: nil)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }
}
