import Essentials
import Foundation
// Writes a safetensors file whose tensors come one at a time, in any order: all are declared first,
// so the header and every place are known, and the disk space is reserved before the first byte of
// work is at stake. The file takes its name only when it is complete and on the disk.
import Tensors

package final class SafetensorsWriter {
  package struct Declaration: Sendable {
    package var name: String
    package var dtype: DType
    package var shape: [Int]
    package init(_ name: String, _ dtype: DType, _ shape: [Int]) {
      self.name = name
      self.dtype = dtype
      self.shape = shape
    }
    package var byteCount: Int { shape.reduce(dtype.byteCount, *) }
  }

  package let path: String
  /// Of the whole file.
  package let byteCount: Int
  private let partial: String
  private var descriptor: Int32
  private let places: [String: (declaration: Declaration, offset: Int)]
  private var waiting: Set<String>

  /// Names must differ; that is the caller's care.
  /// - Throws: `TuneError` `.disk`, also when the disk has no room for the whole file.
  package init(to path: String, _ tensors: [Declaration], metadata: [String: String] = [:]) throws {
    let (header, offsets) = Self.header(tensors, metadata)
    self.path = path
    places = Dictionary(
      uniqueKeysWithValues: zip(tensors, offsets).map { ($0.name, ($0, header.count + $1)) })
    waiting = Set(places.keys)
    byteCount = header.count + tensors.reduce(0) { $0 + $1.byteCount }
    partial = PartialPath.path(for: path)
    PartialPath.removeAbandoned(for: path)
    descriptor = open(partial, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw diskError(path, "cannot create the file") }
    // From here on deinit cleans up when this throws.
    try reserve()
    try header.withUnsafeBytes { try put($0, at: 0) }
  }

  deinit {
    guard descriptor >= 0 else { return }
    close(descriptor)
    unlink(partial)
  }

  /// Each declared tensor comes once. Another shape or dtype than declared is our own mistake.
  package func write(_ tensor: Tensor, to name: String) throws {
    guard let (declaration, offset) = places[name], waiting.remove(name) != nil else {
      preconditionFailure("tensor '\(name)' was not declared, or comes twice")
    }
    precondition(
      tensor.shape == declaration.shape && tensor.dtype == declaration.dtype,
      "tensor '\(name)': declared \(declaration), came \(tensor.shape) \(tensor.dtype)")
    try tensor.to(.cpu).contiguous().withBytes { try put($0, at: offset) }
  }

  /// Syncs the file and gives it its name.
  package func finish() throws {
    precondition(waiting.isEmpty, "tensors were declared and not written: \(waiting.sorted())")
    precondition(descriptor >= 0, "finished twice")
    guard fsync(descriptor) == 0 else { throw diskError(path, "cannot write the file") }
    try PartialPath.move(partial, to: path)
    close(descriptor)
    descriptor = -1
  }

  private func reserve() throws {
    guard byteCount > 0 else { return }
    #if os(Linux)
      let result = posix_fallocate(descriptor, 0, off_t(byteCount))
      guard result == 0 else {
        errno = result
        throw diskError(path, "cannot reserve \(byteCount) bytes for the file")
      }
    #else
      guard ftruncate(descriptor, off_t(byteCount)) == 0 else {
        throw diskError(path, "cannot reserve \(byteCount) bytes for the file")
      }
    #endif
  }

  private func put(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws {
    var done = 0
    while done < bytes.count {
      let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
      let count = pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset + done))
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw diskError(path, "cannot write the file") }
      done += count
    }
  }

  /// The header with its length before it, and where each tensor starts after it.
  private static func header(_ tensors: [Declaration], _ metadata: [String: String]) -> (
    [UInt8], [Int]
  ) {
    var object = JSONObject()
    if !metadata.isEmpty {
      var entries = JSONObject()
      for (key, value) in metadata.sorted(by: { $0.key < $1.key }) { entries[key] = .string(value) }
      object["__metadata__"] = .object(entries)
    }
    var (offset, offsets) = (0, [Int]())
    for tensor in tensors {
      offsets.append(offset)
      let end = offset + tensor.byteCount
      object[tensor.name] = .object([
        "dtype": .string(SafetensorsType.name(of: tensor.dtype)),
        "shape": .array(tensor.shape.map { .integer($0) }),
        "data_offsets": .array([.integer(offset), .integer(end)]),
      ])
      offset = end
    }
    var text = Array(JSON.object(object).text().utf8)
    // Spaces, so that the first tensor is aligned.
    text += Array(repeating: 0x20, count: (8 - text.count % 8) % 8)
    let length = withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) }
    return (length + text, offsets)
  }
}
