// The digest that a saved file is known by: SHA-256 over the SHA-256 of each stretch of the file, so that
// several threads can compute it. Files are read, not mapped: mapped pages would count as this process's
// memory.
import CCrypto
import Dispatch
import Essentials
import Foundation

package enum FileDigest {
  private static let stretchSize = 16 << 20
  private static let bufferSize = 1 << 20

  /// In hexadecimal, of `head` and the bytes of the file from `start` to its end.
  /// - Parameter usesOneThread: leaves the other processors to whoever computes.
  /// - Throws: `TuneError` `.missingFile` when the file cannot be read.
  package static func of(
    path: String, from start: Int = 0, after head: [UInt8] = [], usesOneThread: Bool = false
  ) throws -> String {
    // Not blocking, should a pipe stand in the file's place.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw unreadable(path) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw TuneError(.malformedFile, "not a regular file", at: .init(file: path))
    }
    let end = max(start, Int(status.st_size))
    let count = (end - start + stretchSize - 1) / stretchSize
    let parts = Parts(count: count)
    @Sendable func compute(_ index: Int) {
      let first = start + index * stretchSize
      parts[index] = digest(descriptor, first..<min(first + stretchSize, end))
    }
    if usesOneThread {
      for index in 0..<count { compute(index) }
    } else {
      DispatchQueue.concurrentPerform(iterations: count, execute: compute)
    }
    guard let whole = parts.joined else { throw unreadable(path) }
    return of(head + whole)
  }

  /// In hexadecimal.
  package static func of(_ bytes: some Collection<UInt8>) -> String {
    let running = Running()
    Array(bytes).withUnsafeBytes { running.update($0) }
    return running.finish().map { byte in
      let digits = String(byte, radix: 16)
      return digits.count == 1 ? "0" + digits : digits
    }.joined()
  }

  /// nil when the bytes cannot be read to their end.
  private static func digest(_ descriptor: Int32, _ range: Range<Int>) -> [UInt8]? {
    let running = Running()
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bufferSize, alignment: 64)
    defer { buffer.deallocate() }
    var position = range.lowerBound
    while position < range.upperBound {
      let wanted = min(bufferSize, range.upperBound - position)
      let count = pread(descriptor, buffer.baseAddress, wanted, off_t(position))
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return nil }
      running.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      position += count
    }
    return running.finish()
  }

  private static func unreadable(_ path: String) -> TuneError {
    TuneError(
      .missingFile, "cannot read the file: \(String(cString: strerror(errno)))",
      at: .init(file: path))
  }
}

/// One SHA-256.
private final class Running {
  private let context: OpaquePointer

  init() {
    guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1 else {
      preconditionFailure("libcrypto has no SHA-256")
    }
    self.context = context
  }
  deinit { EVP_MD_CTX_free(context) }

  func update(_ bytes: UnsafeRawBufferPointer) {
    EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
  }
  func finish() -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var count: UInt32 = 0
    EVP_DigestFinal_ex(context, &digest, &count)
    return Array(digest.prefix(Int(count)))
  }
}

/// The digests of the stretches, which threads fill in.
private final class Parts: @unchecked Sendable {
  private let lock = NSLock()
  private var digests: [[UInt8]?]

  init(count: Int) { digests = Array(repeating: nil, count: count) }

  subscript(index: Int) -> [UInt8]? {
    get { lock.withLock { digests[index] } }
    set { lock.withLock { digests[index] = newValue } }
  }
  /// nil where one is missing.
  var joined: [UInt8]? {
    lock.withLock {
      let there = digests.compactMap(\.self)
      return there.count == digests.count ? Array(there.joined()) : nil
    }
  }
}
