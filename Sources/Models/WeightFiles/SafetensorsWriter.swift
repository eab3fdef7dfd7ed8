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
  /// The header with its length, and where in it the seal goes; nil for a file without one.
  private let unsealed: (header: [UInt8], place: Range<Int>)?
  private let places: [String: (declaration: Declaration, offset: Int)]
  private var waiting: Set<String>

  /// Names must differ; that is the caller's care.
  /// - Parameter isSealed: adds to the metadata a digest of the whole file, metadata included.
  /// - Throws: `TuneError` `.disk`, also when the disk has no room for the whole file.
  package init(
    to path: String, _ tensors: [Declaration], metadata: [String: String] = [:],
    isSealed: Bool = false
  ) throws {
    var metadata = metadata
    if isSealed { metadata[SafetensorsSeal.key] = SafetensorsSeal.blank }
    let layout = SafetensorsLayout(
      tensors.map {
        .init(
          name: $0.name, type: SafetensorsType.name(of: $0.dtype), shape: $0.shape,
          byteCount: $0.byteCount)
      }, metadata: metadata)
    self.path = path
    places = Dictionary(
      uniqueKeysWithValues: zip(tensors, layout.offsets).map { ($0.name, ($0, $1)) })
    waiting = Set(places.keys)
    byteCount = layout.byteCount
    unsealed =
      isSealed
      ? SafetensorsSeal.place(of: SafetensorsSeal.blank, in: layout.header).map {
        (layout.header, $0)
      } : nil
    file = try ReservedFile(path, byteCount: byteCount)
    try layout.header.withUnsafeBytes { try file.put($0, at: 0) }
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

  package func finish() throws { try finish(usingOneThread: false) }

  /// Syncs the file and gives it its name.
  package func finish(usingOneThread: Bool) throws {
    precondition(waiting.isEmpty, "tensors were declared and not written: \(waiting.sorted())")
    if let (header, place) = unsealed {
      let seal = try FileDigest.of(
        path: file.partial, from: header.count, after: header, usesOneThread: usingOneThread)
      try Array(seal.utf8).withUnsafeBytes { try file.put($0, at: place.lowerBound) }
    }
    try file.finish()
  }
}
