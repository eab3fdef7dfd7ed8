// Writes a safetensors file whose tensors come one at a time, in any order: all are declared first,
// so the header and every place are known, and the disk space is reserved before the first byte of
// work is at stake. The file takes its name only when it is complete and on the disk.
import Essentials
import Tensors

package final class SafetensorsWriter: WeightWriter {
  package typealias Declaration = TensorDeclaration

  package let path: String
  /// Of the whole file.
  package let byteCount: Int
  private let file: ReservedFile
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
    file = try ReservedFile(path, byteCount: byteCount)
    try header.withUnsafeBytes { try file.put($0, at: 0) }
  }

  /// Each declared tensor comes once. Another shape or dtype than declared is our own mistake.
  package func write(_ tensor: Tensor, to name: String) throws {
    guard let (declaration, offset) = places[name], waiting.remove(name) != nil else {
      preconditionFailure("tensor '\(name)' was not declared, or comes twice")
    }
    precondition(
      tensor.shape == declaration.shape && tensor.dtype == declaration.dtype,
      "tensor '\(name)': declared \(declaration), came \(tensor.shape) \(tensor.dtype)")
    try tensor.to(.cpu).contiguous().withBytes { try file.put($0, at: offset) }
  }

  /// Syncs the file and gives it its name.
  package func finish() throws {
    precondition(waiting.isEmpty, "tensors were declared and not written: \(waiting.sorted())")
    try file.finish()
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
