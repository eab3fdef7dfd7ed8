// The header of a safetensors file, believed only after every claim is checked: u64 length, JSON of
// that length, then the tensors' bytes. The tensors must fill the rest of the file exactly, in an
// order without gaps or overlaps, so that no byte is ambiguous and none can hide.
import Essentials
import Tensors

struct SafetensorsHeader: Sendable {
  struct Entry: Sendable {
    var name: String
    var type: String
    var shape: [Int]
    /// Where its bytes are in the file.
    var bytes: Range<Int>
    /// nil for a type that tensors here cannot have.
    var dtype: DType? { SafetensorsType.dtype(named: type) }
  }
  /// In the order of their bytes.
  var entries: [Entry]
  var metadata: [String: String]

  private static let lengthLimit = 100_000_000
  /// More dimensions than libtorch's tensors have.
  static let mostDimensions = 64

  /// Checks the whole file's layout; reads only its header.
  init(_ file: UnsafeRawBufferPointer, path: String) throws {
    func failure(_ message: String) -> TuneError {
      TuneError(
        .malformedFile, "not a sound safetensors file: " + message,
        remedy: "The file may be truncated: download or write it again.", at: .init(file: path))
    }
    guard file.count >= 8 else { throw failure("it has \(file.count) bytes") }
    let length = UInt64(littleEndian: file.loadUnaligned(as: UInt64.self))
    guard length <= Self.lengthLimit else {
      throw failure("its header claims \(length) bytes; at most \(Self.lengthLimit) are allowed")
    }
    let start = 8 + Int(length)
    guard start <= file.count else {
      throw failure("its header claims \(length) bytes, but \(file.count - 8) are there")
    }
    let text = UnsafeRawBufferPointer(rebasing: file[8..<start])
    guard text.first == UInt8(ascii: "{") else { throw failure("its header is no JSON object") }
    let json = try JSON.parse(text, file: path, limits: JSONLimits(elements: Self.mostDimensions))
    guard let object = json.object else { throw failure("its header is no JSON object") }
    guard Self.colons(in: text) == json.entryCount else {
      throw failure("a name occurs twice in its header")
    }
    metadata = [:]
    entries = []
    entries.reserveCapacity(object.count)
    for (name, value) in object {
      do {
        if name == "__metadata__" {
          metadata = try Self.metadata(value)
        } else {
          entries.append(try Self.entry(name, value, dataStart: start))
        }
      } catch let claim as FalseClaim {
        throw failure(claim.message)
      }
    }
    // Of two at the same place one is empty and must come first.
    entries.sort {
      ($0.bytes.lowerBound, $0.bytes.upperBound) < ($1.bytes.lowerBound, $1.bytes.upperBound)
    }
    if let message = Self.layoutFault(entries, from: start, to: file.count) {
      throw failure(message)
    }
  }

  private struct FalseClaim: Error { var message: String }

  private static func metadata(_ value: JSON) throws -> [String: String] {
    guard let object = value.object else {
      throw FalseClaim(message: "'__metadata__' is \(value.kind), not an object")
    }
    var metadata: [String: String] = [:]
    for (key, value) in object {
      guard let string = value.string else {
        throw FalseClaim(message: "'__metadata__' entry '\(key)' is \(value.kind), not a string")
      }
      metadata[key] = string
    }
    return metadata
  }

  private static func entry(_ name: String, _ value: JSON, dataStart: Int) throws -> Entry {
    func claim(_ message: String) -> FalseClaim {
      FalseClaim(message: "tensor '\(name)': \(message)")
    }
    guard let object = value.object else { throw claim("\(value.kind) instead of an object") }
    if let key = object.keys.first(where: { !["dtype", "shape", "data_offsets"].contains($0) }) {
      throw claim("unknown key '\(key)'")
    }
    guard let type = object["dtype"]?.string else { throw claim("no 'dtype'") }
    guard let bits = SafetensorsType.bits(of: type) else { throw claim("unknown dtype '\(type)'") }
    guard let shape = object["shape"]?.array?.nonNegativeIntegers else {
      throw claim("its 'shape' is no list of sizes")
    }
    guard let offsets = object["data_offsets"]?.array?.nonNegativeIntegers, offsets.count == 2,
      offsets[0] <= offsets[1]
    else { throw claim("its 'data_offsets' are no begin and end") }
    let (end, overflows) = offsets[1].addingReportingOverflow(dataStart)
    guard !overflows else { throw claim("it ends beyond the file") }
    guard let size = byteCount(shape, bits: bits) else {
      throw claim("the shape \(shape) of \(type) is too large or not whole bytes")
    }
    guard offsets[1] - offsets[0] == size else {
      throw claim(
        "the shape \(shape) of \(type) takes \(size) bytes, its offsets \(offsets[1] - offsets[0])")
    }
    return Entry(name: name, type: type, shape: shape, bytes: offsets[0] + dataStart..<end)
  }

  /// nil where it overflows. A zero may stand after sizes whose product would not fit.
  static func byteCount(_ shape: [Int], bits: Int) -> Int? {
    var total = bits
    for size in shape {
      let (product, overflows) = total.multipliedReportingOverflow(by: size)
      guard !overflows else { return nil }
      total = product
    }
    return total % 8 == 0 ? total / 8 : nil
  }

  private static func layoutFault(_ entries: [Entry], from start: Int, to end: Int) -> String? {
    var position = start
    for entry in entries {
      if entry.bytes.lowerBound < position { return "tensor '\(entry.name)' overlaps another" }
      if entry.bytes.lowerBound > position { return "a hole lies before tensor '\(entry.name)'" }
      if entry.bytes.upperBound > end {
        return "tensor '\(entry.name)' ends \(entry.bytes.upperBound - end) bytes beyond the file"
      }
      position = entry.bytes.upperBound
    }
    return position == end ? nil : "\(end - position) bytes follow the last tensor"
  }

  /// Colons outside strings: one for each entry that was written, also for those that a later
  /// one of the same name replaced. The text is known to be JSON.
  private static func colons(in text: UnsafeRawBufferPointer) -> Int {
    var (count, inString, escaped) = (0, false, false)
    for byte in text {
      if escaped {
        escaped = false
      } else if inString {
        if byte == UInt8(ascii: "\\") { escaped = true }
        if byte == UInt8(ascii: "\"") { inString = false }
      } else if byte == UInt8(ascii: "\"") {
        inString = true
      } else if byte == UInt8(ascii: ":") {
        count += 1
      }
    }
    return count
  }
}

extension JSON {
  /// Entries of all objects inside.
  fileprivate var entryCount: Int {
    switch self {
    case .object(let object): object.reduce(object.count) { $0 + $1.value.entryCount }
    case .array(let elements): elements.reduce(0) { $0 + $1.entryCount }
    default: 0
    }
  }
}

extension [JSON] {
  fileprivate var nonNegativeIntegers: [Int]? {
    let integers = compactMap(\.integer)
    return integers.count == count && integers.allSatisfy { $0 >= 0 } ? integers : nil
  }
}
