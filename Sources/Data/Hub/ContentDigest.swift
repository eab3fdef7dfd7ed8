// The running checksum of a file's bytes, in the way that its content is named by.
import CCrypto
import Essentials
import Foundation

/// SHA-256, SHA-1 and MD5 as libcrypto computes them. It belongs to one file at a time.
package final class RunningHash {
  package enum Algorithm { case sha256, sha1, md5 }
  private let context: OpaquePointer

  /// - Throws: `TuneError` `.unsupported` where libcrypto has the algorithm turned off, as in FIPS mode MD5.
  package init(_ algorithm: Algorithm) throws {
    let digest =
      switch algorithm {
      case .sha256: EVP_sha256()
      case .sha1: EVP_sha1()
      case .md5: EVP_md5()
      }
    guard let context = EVP_MD_CTX_new() else { throw Self.refusal(of: algorithm) }
    self.context = context
    guard EVP_DigestInit_ex(context, digest, nil) == 1 else { throw Self.refusal(of: algorithm) }
  }

  private static func refusal(of algorithm: Algorithm) -> TuneError {
    TuneError(
      .unsupported,
      "libcrypto does not compute \(algorithm.name), by which downloaded files are checked",
      remedy: "Its policy may forbid it, as FIPS mode does for MD5: download the files on another "
        + "machine and copy them.")
  }
  deinit { EVP_MD_CTX_free(context) }

  package func update(_ bytes: UnsafeRawBufferPointer) {
    EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
  }
  /// The digest of what has come so far; more may follow.
  package func finish() throws -> [UInt8] {
    let copy = EVP_MD_CTX_new()
    defer { EVP_MD_CTX_free(copy) }
    var bytes = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var count: UInt32 = 0
    guard EVP_MD_CTX_copy_ex(copy, context) == 1, EVP_DigestFinal_ex(copy, &bytes, &count) == 1
    else {
      throw TuneError(.unsupported, "libcrypto cannot finish a checksum")
    }
    return Array(bytes.prefix(Int(count)))
  }

  package static func hash(_ bytes: some Sequence<UInt8>, _ algorithm: Algorithm) throws
    -> [UInt8]
  {
    let hasher = try RunningHash(algorithm)
    Array(bytes).withUnsafeBytes { hasher.update($0) }
    return try hasher.finish()
  }
}

extension RunningHash.Algorithm {
  fileprivate var name: String {
    switch self {
    case .sha256: "SHA-256"
    case .sha1: "SHA-1"
    case .md5: "MD5"
    }
  }
}

struct ContentDigest {
  private let hasher: RunningHash

  /// - Parameter size: git's checksum begins with it.
  init(_ content: RemoteFile.Content, size: Int) throws {
    switch content {
    case .sha256: hasher = try RunningHash(.sha256)
    case .gitBlob:
      hasher = try RunningHash(.sha1)
      Array("blob \(size)\0".utf8).withUnsafeBytes { hasher.update($0) }
    case .md5: hasher = try RunningHash(.md5)
    }
  }

  func update(_ bytes: UnsafeRawBufferPointer) { hasher.update(bytes) }

  /// In hexadecimal.
  func finish() throws -> String { try hasher.finish().hexadecimal }

  /// Whether the file at `path` is the one that a hub lists.
  /// - Parameter onBytes: called with each number of bytes that were read.
  static func matches(
    _ path: String, _ content: RemoteFile.Content, size: Int, onBytes: (Int) -> Void = { _ in }
  ) throws -> Bool {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    let digest = try ContentDigest(content, size: size)
    guard try digest.read(descriptor, path, onBytes: onBytes) == size else { return false }
    return try digest.finish() == content.text
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
