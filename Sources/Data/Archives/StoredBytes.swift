// Bytes that are read here and there: those of a plain file, or those that were unpacked. What was
// unpacked stays in memory while it is small, else it goes to a file without a name in the folder
// for temporary files, which the system frees when the process ends, however it ends.
import Essentials
import Foundation

/// Read-only bytes; from a file they are read when asked for and not kept.
package final class StoredBytes: Sendable {
  private enum Place {
    case memory([UInt8])
    /// A file of our own without a name.
    case spilled(Int32)
    case file(ReopenedFile)
  }
  private let place: Place
  /// For messages.
  let path: String
  package let count: Int

  /// A plain file.
  package init(path: String) throws {
    self.path = path
    let file = try ReopenedFile(path)
    (place, count) = (.file(file), file.byteCount)
  }
  fileprivate init(memory: [UInt8], path: String) {
    (place, count, self.path) = (.memory(memory), memory.count, path)
  }
  fileprivate init(descriptor: Int32, count: Int, path: String) {
    (place, self.count, self.path) = (.spilled(descriptor), count, path)
  }
  deinit { if case .spilled(let descriptor) = place { close(descriptor) } }

  package var isInMemory: Bool { if case .memory = place { true } else { false } }

  /// - Throws: `TuneError` when the bytes are not there any more.
  package func bytes(at offset: Int, count wanted: Int) throws -> [UInt8] {
    guard offset >= 0, wanted >= 0, offset <= count, wanted <= count - offset else {
      throw changed()
    }
    switch place {
    case .memory(let bytes): return Array(bytes[offset..<offset + wanted])
    case .spilled(let descriptor): return try read(descriptor, offset, wanted)
    case .file(let file):
      guard let bytes = try file.withDescriptor({ try read($0, offset, wanted) }) else {
        throw changed()
      }
      return bytes
    }
  }

  private func read(_ descriptor: Int32, _ offset: Int, _ wanted: Int) throws -> [UInt8] {
    var done = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: wanted) { buffer, filled in
      while done < wanted {
        let got = pread(
          descriptor, buffer.baseAddress.map { $0 + done }, wanted - done, offset + done)
        if got < 0, errno == EINTR { continue }
        guard got > 0 else { break }
        done += got
      }
      filled = done
    }
    guard done == wanted else { throw changed() }
    return bytes
  }

  private func changed() -> TuneError {
    TuneError(
      .data, "the file is not what it was when it was opened",
      remedy: "Leave data files alone while a run reads them.", at: .init(file: path))
  }
}

/// Collects bytes that become `StoredBytes`.
package struct ByteSpill {
  private let path: String
  private let memoryLimit: Int
  private var buffer: [UInt8] = []
  private var handle: FileHandle?
  package private(set) var count = 0

  /// - Parameters:
  ///   - path: what is unpacked, for messages.
  ///   - memoryLimit: up to so many bytes stay in memory.
  package init(of path: String, memoryLimit: Int = 64 << 20) {
    self.path = path
    self.memoryLimit = memoryLimit
  }

  package mutating func append(_ bytes: UnsafeRawBufferPointer) throws {
    buffer.append(contentsOf: bytes)
    count += bytes.count
    if count > memoryLimit, handle != nil || buffer.count > memoryLimit {
      if buffer.count >= min(memoryLimit, 1 << 20) { try flush() }
    }
  }

  package consuming func finish() throws -> StoredBytes {
    guard handle != nil else { return StoredBytes(memory: buffer, path: path) }
    try flush()
    let descriptor = handle.map { dup($0.fileDescriptor) } ?? -1
    guard descriptor >= 0 else { throw failure(nil) }
    return StoredBytes(descriptor: descriptor, count: count, path: path)
  }

  private mutating func flush() throws {
    do {
      let handle = try self.handle ?? Self.namelessFile()
      self.handle = handle
      try handle.write(contentsOf: buffer)
      buffer.removeAll(keepingCapacity: true)
    } catch {
      throw failure(error)
    }
  }

  private static func namelessFile() throws -> FileHandle {
    let folder = FileManager.default.temporaryDirectory.path
    var template = Array((folder + "/tune-data-XXXXXX").utf8CString)
    let descriptor = mkstemp(&template)
    guard descriptor >= 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
    unlink(template)
    return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
  }

  private func failure(_ cause: (any Error)?) -> TuneError {
    TuneError(
      .disk, "cannot keep the unpacked data in \(FileManager.default.temporaryDirectory.path)",
      remedy: "Free some space, set TMPDIR to a larger disk, or set streaming: True.",
      at: .init(file: path), cause: cause)
  }
}
