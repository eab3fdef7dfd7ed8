// One GGUF file, mapped: magic, version, key-values, tensor infos, data. Everything that the header
// claims is checked against the file's size before it is used; tensors may not overlap each other or
// the end of the file. Layout: the GGUF specification, versions 2 and 3 (little-endian).
import Essentials

package final class GGUFFile: Sendable {
  package struct Tensor: Sendable {
    package let name: String
    package let type: ElementType
    /// Outermost first, as PyTorch has it; the file has it the other way round.
    package let shape: [Int]
    /// Where its bytes are in the file.
    let bytes: Range<Int>
    package var elementCount: Int { shape.reduce(1, *) }
  }

  package let path: String
  /// In the order of the header.
  package let tensors: [Tensor]
  let values: [String: HeaderValue]
  let map: MappedFile

  /// - Throws: `TuneError` `.missingFile`, `.malformedFile`, or `.unsupported` for a version or an
  ///   element type that is not read.
  package init(path: String) throws {
    self.path = path
    map = try MappedFile(path: path)
    var cursor = HeaderCursor(UnsafeRawBufferPointer(map.bytes), path: path)
    let (tensorCount, valueCount) = try Self.counts(&cursor)
    values = try Self.values(&cursor, count: valueCount)
    let infos = try Self.infos(&cursor, count: tensorCount)
    let alignment = try Self.alignment(values, cursor)
    tensors = try Self.placed(infos, alignment: alignment, cursor)
  }

  private static let names = 65_535

  private static func counts(_ cursor: inout HeaderCursor) throws -> (tensors: Int, values: Int) {
    let magic = try cursor.read(UInt32.self, in: "the start")
    guard magic == 0x4655_4747 else {
      throw TuneError(
        .malformedFile, "not a GGUF file: it does not begin with 'GGUF'",
        remedy: "Pass a .gguf file.", at: .init(file: cursor.path))
    }
    let version = try cursor.read(UInt32.self, in: "the version")
    guard version == 2 || version == 3 else {
      let isBigEndian = version.byteSwapped <= 3
      throw TuneError(
        .unsupported,
        isBigEndian
          ? "big-endian GGUF files are not supported" : "GGUF version \(version) is not supported",
        remedy: "Convert the model again with a current llama.cpp; versions 2 and 3 are read.",
        at: .init(file: cursor.path))
    }
    // An info takes at least a name of one byte, a dimension, a type and an offset.
    let tensors = try cursor.count(ofAtLeast: 33, in: "the number of tensors")
    return (tensors, try cursor.count(ofAtLeast: 14, in: "the number of keys"))
  }

  private static func values(_ cursor: inout HeaderCursor, count: Int) throws
    -> [String: HeaderValue]
  {
    var values: [String: HeaderValue] = [:]
    for position in 0..<count {
      let key = try cursor.name(limit: names, in: "key \(position)")
      let value = try cursor.value(in: "key '\(key)'")
      guard values.updateValue(value, forKey: key) == nil else {
        throw cursor.failure("it occurs twice", in: "key '\(key)'")
      }
    }
    return values
  }

  private struct Info {
    var name: String
    var type: ElementType
    var shape: [Int]
    var byteCount: Int
    var offset: UInt64
  }

  private static func infos(_ cursor: inout HeaderCursor, count: Int) throws -> [Info] {
    var (infos, known): ([Info], Set<String>) = ([], [])
    for position in 0..<count {
      let name = try cursor.name(limit: names, in: "tensor \(position)")
      guard known.insert(name).inserted else {
        throw cursor.failure("it occurs twice", in: "tensor '\(name)'")
      }
      infos.append(try info(named: name, &cursor))
    }
    return infos
  }

  private static func info(named name: String, _ cursor: inout HeaderCursor) throws -> Info {
    let place = "tensor '\(name)'"
    let rank = try cursor.read(UInt32.self, in: place)
    guard (1...4).contains(rank) else {
      throw cursor.failure("it has \(rank) dimensions; 1 to 4 are allowed", in: place)
    }
    var (dimensions, elements): ([Int], Int) = ([], 1)
    for _ in 0..<rank {
      let size = try cursor.read(UInt64.self, in: place)
      let (product, overflows) = elements.multipliedReportingOverflow(by: Int(clamping: size))
      guard size > 0, size <= Int.max, !overflows else {
        throw cursor.failure("a dimension of size \(size)", in: place)
      }
      dimensions.append(Int(size))
      elements = product
    }
    let code = try cursor.read(UInt32.self, in: place)
    guard let type = ElementType(rawValue: code) else {
      throw TuneError(
        .unsupported, "\(place) has type \(ElementType.name(of: code)), which is not read",
        remedy: "Use a file whose tensors are of these types: \(ElementType.readNames).",
        at: .init(file: cursor.path))
    }
    guard dimensions[0] % type.blockSize == 0 else {
      throw cursor.failure(
        "rows of \(dimensions[0]) weights are no whole blocks of \(type.blockSize) (\(type.name))",
        in: place)
    }
    let (size, overflows) = (elements / type.blockSize)
      .multipliedReportingOverflow(by: type.blockByteCount)
    guard !overflows else { throw cursor.failure("it is too large", in: place) }
    return Info(
      name: name, type: type, shape: dimensions.reversed(), byteCount: size,
      offset: try cursor.read(UInt64.self, in: place))
  }

  private static func alignment(_ values: [String: HeaderValue], _ cursor: HeaderCursor) throws
    -> Int
  {
    guard let value = values["general.alignment"] else { return 32 }
    guard case .integer(let alignment) = value, (1...1 << 20).contains(alignment),
      alignment & (alignment - 1) == 0
    else {
      throw cursor.failure("no power of two up to 1048576", in: "key 'general.alignment'")
    }
    return Int(alignment)
  }

  private static func placed(_ infos: [Info], alignment: Int, _ cursor: HeaderCursor) throws
    -> [Tensor]
  {
    let start = (cursor.position + alignment - 1) / alignment * alignment
    let tensors = try infos.map { info in
      let place = "tensor '\(info.name)'"
      guard info.offset % UInt64(alignment) == 0 else {
        throw cursor.failure("its offset is no multiple of \(alignment)", in: place)
      }
      let (first, farAway) = start.addingReportingOverflow(Int(clamping: info.offset))
      let (end, tooLong) = first.addingReportingOverflow(info.byteCount)
      guard !farAway, !tooLong, end <= cursor.bytes.count else {
        throw cursor.failure("it ends beyond the file", in: place)
      }
      return Tensor(name: info.name, type: info.type, shape: info.shape, bytes: first..<end)
    }
    var previous: Tensor?
    for tensor in tensors.sorted(by: { $0.bytes.lowerBound < $1.bytes.lowerBound }) {
      if let previous, tensor.bytes.lowerBound < previous.bytes.upperBound {
        throw cursor.failure(
          "it overlaps tensor '\(previous.name)'", in: "tensor '\(tensor.name)'")
      }
      previous = tensor
    }
    return tensors
  }
}
