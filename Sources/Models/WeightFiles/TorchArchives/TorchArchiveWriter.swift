// Writes what torch.load(weights_only=True) reads: a zip of a pickled dictionary and, stored plain and
// aligned, the numbers of its tensors, which come one at a time in any order. All places are known
// before; checksums are filled in at the end.
import CZlib
import Essentials
import Tensors

package final class TorchArchiveWriter: WeightWriter {
  package let byteCount: Int
  private let file: ReservedFile
  private var entries: [ZipEntry]
  private let places: [String: (declaration: TensorDeclaration, entry: Int)]
  private var waiting: Set<String>
  private let directoryStart: Int

  /// - Parameters:
  ///   - tensors: names must differ; that is the caller's care.
  ///   - aliases: names of more tensors that share the numbers of the given ones.
  /// - Throws: `TuneError` `.disk`, also when the disk has no room for the whole file.
  package init(to path: String, _ tensors: [TensorDeclaration], aliases: [String: String] = [:])
    throws
  {
    let pickle = TensorPickle.bytes(of: tensors, aliases: aliases)
    let small: [(String, [UInt8])] = [
      ("data.pkl", pickle), ("byteorder", Array("little".utf8)), ("version", Array("3\n".utf8)),
    ]
    let records =
      small.map { ($0.0, $0.1.count) }
      + tensors.enumerated().map { ("data/\($0.offset)", $0.element.byteCount) }
    var (entries, end) = ([ZipEntry](), 0)
    for (name, size) in records {
      let entry = ZipEntry(name: "archive/" + name, size: size, start: end)
      entries.append(entry)
      end = entry.dataStart + size
    }
    self.entries = entries
    directoryStart = end
    byteCount = end + ZipEntry.directory(entries, at: end).count
    places = Dictionary(
      uniqueKeysWithValues: tensors.enumerated().map {
        ($0.element.name, ($0.element, small.count + $0.offset))
      })
    waiting = Set(places.keys)
    file = try ReservedFile(path, byteCount: byteCount)
    for (index, record) in small.enumerated() {
      try record.1.withUnsafeBytes { try put($0, index) }
    }
  }

  /// Another shape or dtype than declared is our own mistake.
  package func write(_ tensor: Tensor, to name: String) throws {
    guard let (declaration, entry) = places[name], waiting.remove(name) != nil else {
      preconditionFailure("tensor '\(name)' was not declared, or comes twice")
    }
    precondition(
      tensor.shape == declaration.shape && tensor.dtype == declaration.dtype,
      "tensor '\(name)': declared \(declaration), came \(tensor.shape) \(tensor.dtype)")
    try tensor.to(.cpu).contiguous().withBytes { try put($0, entry) }
  }

  package func finish() throws {
    precondition(waiting.isEmpty, "tensors were declared and not written: \(waiting.sorted())")
    for entry in entries {
      try entry.localHeader.withUnsafeBytes { try file.put($0, at: entry.start) }
    }
    try ZipEntry.directory(entries, at: directoryStart).withUnsafeBytes {
      try file.put($0, at: directoryStart)
    }
    try file.finish()
  }

  private func put(_ bytes: UnsafeRawBufferPointer, _ entry: Int) throws {
    let start = bytes.assumingMemoryBound(to: UInt8.self).baseAddress
    entries[entry].checksum = UInt32(crc32_z(0, start, bytes.count))
    try file.put(bytes, at: entries[entry].dataStart)
  }
}

/// A stored record of a zip file whose size is known.
private struct ZipEntry {
  let name: String
  let size: Int
  /// Of its local header.
  let start: Int
  var checksum: UInt32 = 0

  private static let limit = 0xFFFF_FFFF
  /// Where torch maps tensors from.
  private static let alignment = 64
  private var isLarge: Bool { size >= Self.limit }
  private var longSizes: [UInt8] {
    isLarge ? little(1, 2) + little(16, 2) + little(size, 8) + little(size, 8) : []
  }
  /// The padding is an extra field of its own, as torch writes it.
  private var padding: Int {
    let end = start + 30 + name.utf8.count + longSizes.count + 4
    return (Self.alignment - end % Self.alignment) % Self.alignment
  }
  var dataStart: Int { start + 30 + name.utf8.count + longSizes.count + 4 + padding }

  init(name: String, size: Int, start: Int) {
    self.name = name
    self.size = size
    self.start = start
  }

  /// Version needed, flags, method, time, date, checksum, sizes, name's length.
  private var common: [UInt8] {
    let short = little(isLarge ? Self.limit : size, 4)
    return little(isLarge ? 45 : 20, 2) + little(0, 2) + little(0, 2) + little(0, 2)
      + little(0x21, 2) + little(Int(checksum), 4) + short + short + little(name.utf8.count, 2)
  }

  var localHeader: [UInt8] {
    let extra =
      longSizes + Array("FB".utf8) + little(padding, 2)
      + Array(repeating: UInt8(ascii: "Z"), count: padding)
    return little(0x0403_4B50, 4) + common + little(extra.count, 2) + Array(name.utf8) + extra
  }

  private var directoryEntry: [UInt8] {
    let isFar = start >= Self.limit
    let numbers =
      (isLarge ? little(size, 8) + little(size, 8) : []) + (isFar ? little(start, 8) : [])
    let extra = numbers.isEmpty ? [] : little(1, 2) + little(numbers.count, 2) + numbers
    let made = little(0x0201_4B50, 4) + little(45, 2) + common + little(extra.count, 2)
    // Comment's length, disk, attributes.
    return made + little(0, 2) + little(0, 2) + little(0, 2) + little(0, 4)
      + little(isFar ? Self.limit : start, 4) + Array(name.utf8) + extra
  }

  /// The central directory and what ends the file, when it begins at `start`.
  static func directory(_ entries: [ZipEntry], at start: Int) -> [UInt8] {
    var bytes = entries.flatMap(\.directoryEntry)
    let (size, count) = (bytes.count, entries.count)
    let isLarge = count >= 0xFFFF || start >= limit || size >= limit
    if isLarge {
      let end = start + size
      bytes += little(0x0606_4B50, 4) + little(44, 8) + little(45, 2) + little(45, 2)
      bytes += little(0, 4) + little(0, 4) + little(count, 8) + little(count, 8)
      bytes += little(size, 8) + little(start, 8)
      bytes += little(0x0706_4B50, 4) + little(0, 4) + little(end, 8) + little(1, 4)
    }
    let short = little(min(count, 0xFFFF), 2)
    bytes += little(0x0605_4B50, 4) + little(0, 2) + little(0, 2) + short + short
    bytes += little(min(size, limit), 4) + little(min(start, limit), 4) + little(0, 2)
    return bytes
  }
}

/// The pickle of a dictionary of tensors, each with a storage of its own.
private enum TensorPickle {
  static func bytes(of tensors: [TensorDeclaration], aliases: [String: String]) -> [UInt8] {
    var bytes: [UInt8] = [0x80, 2] + Array("}(".utf8)
    let keys = Dictionary(uniqueKeysWithValues: tensors.enumerated().map { ($1.name, $0) })
    for (index, tensor) in tensors.enumerated() { bytes += entry(tensor.name, tensor, index) }
    for (alias, name) in aliases.sorted(by: { $0.key < $1.key }) {
      guard let index = keys[name] else { preconditionFailure("\(name) is no tensor of the file") }
      bytes += entry(alias, tensors[index], index)
    }
    return bytes + Array("u.".utf8)
  }

  private static func entry(_ name: String, _ tensor: TensorDeclaration, _ key: Int) -> [UInt8] {
    let storage =
      PickleGlobal.storages.first { $0.value == tensor.dtype }?.key ?? "FloatStorage"
    let count = tensor.shape.reduce(1, *)
    let strides = tensor.shape.indices.map { tensor.shape[($0 + 1)...].reduce(1, *) }
    return text(name) + global("torch._utils", "_rebuild_tensor_v2") + Array("((".utf8)
      + text("storage") + global("torch", storage) + text(String(key)) + text("cpu")
      + integer(count) + Array("tQ".utf8) + integer(0) + tuple(tensor.shape) + tuple(strides)
      + [0x89] + global("collections", "OrderedDict") + Array(")RtR".utf8)
  }

  private static func text(_ text: String) -> [UInt8] {
    Array("X".utf8) + little(text.utf8.count, 4) + Array(text.utf8)
  }
  private static func global(_ module: String, _ name: String) -> [UInt8] {
    Array("c\(module)\n\(name)\n".utf8)
  }
  private static func integer(_ value: Int) -> [UInt8] {
    value < 1 << 31 ? Array("J".utf8) + little(value, 4) : [0x8A, 8] + little(value, 8)
  }
  private static func tuple(_ values: [Int]) -> [UInt8] {
    Array("(".utf8) + values.flatMap(integer) + Array("t".utf8)
  }
}

private func little(_ value: Int, _ size: Int) -> [UInt8] {
  (0..<size).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
}
