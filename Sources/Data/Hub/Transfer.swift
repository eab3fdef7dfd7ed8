// One HTTP request in flight. libcurl drives it on a thread of its own; the answer's head and body are
// awaited. The thread waits while a megabyte is unread, so a slow disk slows the sender down.
import CCurl
import Dispatch
import Essentials
import Foundation
import Synchronization

final class Transfer: Sendable {
  struct Head: Sendable {
    var status: Int
    var headers: HeaderFields
  }
  struct Request: Sendable {
    var url: URL
    var headers: HeaderFields
    var proxy: ProxySettings.Proxy?
    /// A file of certificates; nil for the system's.
    var certificates: String?
    /// Seconds without a byte after which the connection counts as dead.
    var silence: Double
  }
  /// Seconds until an answer must have begun.
  static let longestWait = 120.0
  static let connectTimeout = 10
  /// Pieces of 16 KiB at most, curl's own size.
  private static let unreadPieces = 64

  private struct State {
    var head: Head?
    /// Of the head that is being read.
    var coming = AnswerHead()
    var pieces: [[UInt8]] = []
    var end: Result<Void, any Error>?
    var headWaiter: CheckedContinuation<Head, any Error>?
    var pieceWaiter: CheckedContinuation<[UInt8]?, any Error>?
    var isCancelled = false
    var lastByte = ContinuousClock.now
    /// Set while the thread polls it.
    var multi: Handle?
  }
  /// A handle of libcurl, which may be woken from any thread.
  struct Handle: @unchecked Sendable { let raw: UnsafeMutableRawPointer }

  private let state = Mutex(State())
  private let room = DispatchSemaphore(value: 0)
  let request: Request

  init(_ request: Request) {
    self.request = request
    for _ in 0..<Self.unreadPieces { room.signal() }
  }

  // MARK: The reader's side

  func head() async throws -> Head {
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let known = state.withLock { state -> Result<Head, any Error>? in
          if state.isCancelled { return .failure(CancellationError()) }
          if let head = state.head { return .success(head) }
          if case .failure(let error)? = state.end { return .failure(error) }
          state.headWaiter = continuation
          return nil
        }
        if let known { continuation.resume(with: known) }
      }
    } onCancel: {
      cancel()
    }
  }

  /// The next piece of the body; nil at its end.
  func next() async throws -> [UInt8]? {
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let known = state.withLock { state -> Result<[UInt8]?, any Error>? in
          if state.isCancelled { return .failure(CancellationError()) }
          if !state.pieces.isEmpty { return .success(state.pieces.removeFirst()) }
          if let end = state.end { return end.map { nil } }
          state.pieceWaiter = continuation
          return nil
        }
        guard let known else { return }
        if case .success(.some) = known { room.signal() }
        continuation.resume(with: known)
      }
    } onCancel: {
      cancel()
    }
  }

  func cancel() {
    let waiters = state.withLock { state in
      defer { (state.headWaiter, state.pieceWaiter) = (nil, nil) }
      state.isCancelled = true
      if let multi = state.multi { curl_multi_wakeup(multi.raw) }
      return (state.headWaiter, state.pieceWaiter)
    }
    room.signal()
    waiters.0?.resume(throwing: CancellationError())
    waiters.1?.resume(throwing: CancellationError())
  }

  // MARK: The thread's side

  /// Runs the request to its end on this thread.
  /// - Returns: false where the connection must not be used again.
  func run(_ multi: Handle) -> Bool {
    // OpenSSL writes to sockets without MSG_NOSIGNAL; a signal goes to the thread that wrote.
    var pipe = sigset_t()
    sigemptyset(&pipe)
    sigaddset(&pipe, SIGPIPE)
    pthread_sigmask(SIG_BLOCK, &pipe, nil)
    let easy: EasyHandle
    do {
      easy = try EasyHandle(self)
    } catch {
      fail(error)
      return false
    }
    state.withLock {
      $0.multi = multi
      $0.lastByte = .now
    }
    curl_multi_add_handle(multi.raw, easy.raw)
    let failure = poll(multi.raw)
    let result = tune_curl_result(multi.raw)
    state.withLock { $0.multi = nil }
    curl_multi_remove_handle(multi.raw, easy.raw)
    if let failure {
      end(.failure(failure))
    } else if result == CURLE_OK {
      end(.success(()))
    } else {
      end(
        .failure(
          TransientFailure.from(
            result, easy.message, proxyStatus: tune_curl_proxy_status(easy.raw), request.url)))
    }
    return failure == nil && result == CURLE_OK
  }

  /// Ends a request that could not begin.
  func fail(_ error: any Error) { end(.failure(error)) }

  /// - Returns: why it was given up, where libcurl has not ended it.
  private func poll(_ multi: UnsafeMutableRawPointer) -> (any Error)? {
    let start = ContinuousClock.now
    var running: Int32 = 1
    while true {
      guard curl_multi_perform(multi, &running) == CURLM_OK else {
        return TransientFailure(error: TransientFailure.cut(request.url, "curl gave up"))
      }
      if running == 0 { return nil }
      let (isCancelled, hasHead, lastByte) = state.withLock {
        ($0.isCancelled, $0.head != nil, $0.lastByte)
      }
      if isCancelled { return CancellationError() }
      let now = ContinuousClock.now
      if now - lastByte > .seconds(request.silence)
        || !hasHead && now - start > .seconds(Self.longestWait)
      {
        return TransientFailure.silence(request.url)
      }
      curl_multi_poll(multi, nil, 0, Int32(min(500, max(10, request.silence * 250))), nil)
    }
  }

  private func end(_ result: Result<Void, any Error>) {
    let waiters = state.withLock { state in
      defer { (state.headWaiter, state.pieceWaiter) = (nil, nil) }
      state.end = result
      return (state.headWaiter, state.pieceWaiter)
    }
    switch result {
    case .success:
      // An answer without a head ends with an error of libcurl.
      waiters.0?.resume(throwing: TransientFailure(error: TransientFailure.cut(request.url, nil)))
      waiters.1?.resume(returning: nil)
    case .failure(let error):
      waiters.0?.resume(throwing: error)
      waiters.1?.resume(throwing: error)
    }
  }

  /// A status line, a field, or the empty line after the fields.
  func receive(line: String) {
    let (waiter, head) = state.withLock { state in
      state.lastByte = .now
      state.coming.receive(line: line)
      if line.isEmpty, state.coming.status >= 200, state.head == nil {
        state.head = Head(status: state.coming.status, headers: state.coming.fields)
        defer { state.headWaiter = nil }
        return (state.headWaiter, state.head)
      }
      return (nil, nil)
    }
    if let head { waiter?.resume(returning: head) }
  }

  /// - Returns: whether more is wanted.
  func receive(piece: UnsafeRawBufferPointer) -> Bool {
    room.wait()
    let (goesOn, waiter) = state.withLock { state in
      state.lastByte = .now
      guard !state.isCancelled else {
        return (false, nil as CheckedContinuation<[UInt8]?, any Error>?)
      }
      defer { state.pieceWaiter = nil }
      if state.pieceWaiter == nil { state.pieces.append(Array(piece)) }
      return (true, state.pieceWaiter)
    }
    if let waiter {
      room.signal()
      waiter.resume(returning: Array(piece))
    }
    return goesOn
  }
}
