// The running checksum of a file's bytes, in the way that its content is named by.
import CCrypto
import Essentials
import Foundation

/// SHA-256, SHA-1 and MD5 as libcrypto computes them. It belongs to one file at a time.
package final class RunningHash {
  package enum Algorithm { case sha256, sha1, md5 }
  private let context: OpaquePointer

  package init(_ algorithm: Algorithm) {
    let digest =
      switch algorithm {
      case .sha256: EVP_sha256()
      case .sha1: EVP_sha1()
      case .md5: EVP_md5()
      }
    guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, digest, nil) == 1 else {
      fatalError("libcrypto cannot compute \(algorithm)")
    }
    self.context = context
  }
  deinit { EVP_MD_CTX_free(context) }

  package func update(_ bytes: UnsafeRawBufferPointer) {
    EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
  }
  /// The digest of what has come so far; more may follow.
  package func finish() -> [UInt8] {
    let copy = EVP_MD_CTX_new()
    defer { EVP_MD_CTX_free(copy) }
    var bytes = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var count: UInt32 = 0
    guard EVP_MD_CTX_copy_ex(copy, context) == 1, EVP_DigestFinal_ex(copy, &bytes, &count) == 1
    else {
      fatalError("libcrypto cannot finish a digest")
    }
    return Array(bytes.prefix(Int(count)))
  }

  package static func hash(_ bytes: some Sequence<UInt8>, _ algorithm: Algorithm) -> [UInt8] {
    let hasher = RunningHash(algorithm)
    Array(bytes).withUnsafeBytes { hasher.update($0) }
    return hasher.finish()
  }
}

struct ContentDigest {
  private let hasher: RunningHash

  /// - Parameter size: git's checksum begins with it.
  init(_ content: RemoteFile.Content, size: Int) {
    switch content {
    case .sha256: hasher = RunningHash(.sha256)
    case .gitBlob:
      hasher = RunningHash(.sha1)
      Array("blob \(size)\0".utf8).withUnsafeBytes { hasher.update($0) }
    case .md5: hasher = RunningHash(.md5)
    }
  }

  func update(_ bytes: UnsafeRawBufferPointer) { hasher.update(bytes) }

  /// In hexadecimal.
  func finish() -> String { hasher.finish().hexadecimal }

  /// Whether the file at `path` is the one that a hub lists.
  /// - Parameter onBytes: called with each number of bytes that were read.
  static func matches(
    _ path: String, _ content: RemoteFile.Content, size: Int, onBytes: (Int) -> Void = { _ in }
  ) throws -> Bool {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    let digest = ContentDigest(content, size: size)
    guard try digest.read(descriptor, path, onBytes: onBytes) == size else { return false }
    return digest.finish() == content.text
  }

  /// Reads a file from its start to its end.
  /// - Returns: how many bytes it has.
  func read(_ descriptor: Int32, _ path: String, onBytes: (Int) -> Void = { _ in }) throws
    -> Int
  {
    let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
    defer { chunk.deallocate() }
    var offset = 0
    while true {
      try Task.checkCancellation()
      let count = pread(descriptor, chunk.baseAddress, chunk.count, offset)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else {
        throw TuneError(
          .disk, "cannot read: \(String(cString: strerror(errno)))", at: .init(file: path))
      }
      if count == 0 { return offset }
      update(UnsafeRawBufferPointer(rebasing: chunk[..<count]))
      onBytes(count)
      offset += count
    }
  }
}
