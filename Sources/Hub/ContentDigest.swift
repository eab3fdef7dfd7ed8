// The running checksum of a file's bytes, in the way that its content is named by.
import Crypto
import Essentials
import Foundation

struct ContentDigest {
  private enum State {
    case sha256(SHA256)
    case sha1(Insecure.SHA1)
    case md5(Insecure.MD5)
  }
  private var state: State

  /// - Parameter size: git's checksum begins with it.
  init(_ content: RemoteFile.Content, size: Int) {
    switch content {
    case .sha256: state = .sha256(SHA256())
    case .gitBlob:
      var hash = Insecure.SHA1()
      hash.update(data: Data("blob \(size)\0".utf8))
      state = .sha1(hash)
    case .md5: state = .md5(Insecure.MD5())
    }
  }

  mutating func update(_ bytes: UnsafeRawBufferPointer) {
    switch state {
    case .sha256(var hash):
      hash.update(bufferPointer: bytes)
      state = .sha256(hash)
    case .sha1(var hash):
      hash.update(bufferPointer: bytes)
      state = .sha1(hash)
    case .md5(var hash):
      hash.update(bufferPointer: bytes)
      state = .md5(hash)
    }
  }

  /// In hexadecimal.
  func finish() -> String {
    switch state {
    case .sha256(let hash): hash.finalize().hexadecimal
    case .sha1(let hash): hash.finalize().hexadecimal
    case .md5(let hash): hash.finalize().hexadecimal
    }
  }

  /// Whether the file at `path` is the one that a hub lists.
  /// - Parameter onBytes: called with each number of bytes that were read.
  static func matches(
    _ path: String, _ content: RemoteFile.Content, size: Int, onBytes: (Int) -> Void = { _ in }
  ) throws -> Bool {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    var digest = ContentDigest(content, size: size)
    guard try digest.read(descriptor, path, onBytes: onBytes) == size else { return false }
    return digest.finish() == content.text
  }

  /// Reads a file from its start to its end.
  /// - Returns: how many bytes it has.
  mutating func read(_ descriptor: Int32, _ path: String, onBytes: (Int) -> Void = { _ in }) throws
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
