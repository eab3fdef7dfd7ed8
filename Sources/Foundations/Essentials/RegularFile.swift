// Opening a file that a user named, for reading. What stands in its place may be a named pipe, whose
// opening would wait for ever, a device without an end, or the few lines that Git LFS keeps instead.
import Foundation

package enum RegularFile {
  /// - Returns: a descriptor that the caller closes.
  /// - Throws: `TuneError` `.missingFile` when it cannot be opened, `.malformedFile` when it is no regular
  ///   file or a pointer of Git LFS.
  package static func open(_ path: String) throws -> (descriptor: Int32, byteCount: Int) {
    // Without O_NONBLOCK a pipe waits for its writer here. For regular files it means nothing.
    let descriptor = Foundation.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      let reason = errno == ENXIO ? "it is a socket or a device" : String(cString: strerror(errno))
      throw TuneError(.missingFile, "cannot open the file: \(reason)", at: .init(file: path))
    }
    do {
      var status = stat()
      guard fstat(descriptor, &status) == 0 else { throw irregular("it cannot be examined", path) }
      guard status.st_mode & S_IFMT == S_IFREG else {
        throw irregular("it is \(kind(of: status.st_mode))", path)
      }
      try refusePointer(descriptor, byteCount: Int(status.st_size), path)
      return (descriptor, Int(status.st_size))
    } catch {
      close(descriptor)
      throw error
    }
  }

  /// The whole file.
  /// - Parameter limit: of its bytes.
  package static func read(_ path: String, limit: Int = .max) throws -> Data {
    let (descriptor, count) = try open(path)
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    guard count <= limit else {
      throw TuneError(
        .malformedFile, "the file has \(count) bytes; at most \(limit) are read",
        at: .init(file: path))
    }
    do {
      return try handle.read(upToCount: count) ?? Data()
    } catch {
      throw TuneError(.missingFile, "cannot read the file", at: .init(file: path), cause: error)
    }
  }

  private static func kind(of mode: mode_t) -> String {
    switch mode & S_IFMT {
    case S_IFIFO: "a named pipe"
    case S_IFDIR: "a folder"
    case S_IFSOCK: "a socket"
    default: "a device"
    }
  }

  private static func irregular(_ what: String, _ path: String) -> TuneError {
    TuneError(
      .malformedFile, "not a regular file: \(what)", remedy: "Name a file.", at: .init(file: path))
  }

  private static let pointerStart = Array("version https://git-lfs.github.com/spec/".utf8)
  /// Pointers are at most this long by their specification.
  private static let longestPointer = 1024

  private static func refusePointer(_ descriptor: Int32, byteCount: Int, _ path: String) throws {
    guard (pointerStart.count..<longestPointer).contains(byteCount) else { return }
    var start = [UInt8](repeating: 0, count: pointerStart.count)
    guard pread(descriptor, &start, start.count, 0) == start.count, start == pointerStart else {
      return
    }
    throw TuneError(
      .malformedFile, "the file is a Git LFS pointer: its content was not downloaded",
      remedy: "Run `git lfs pull` in its folder, or download it again with `tune download`.",
      at: .init(file: path))
  }
}
