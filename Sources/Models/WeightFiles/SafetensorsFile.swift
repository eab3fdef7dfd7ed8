// A safetensors file, mapped and checked whole before any tensor is given out. Tensors lie over the
// mapped pages, which come in when they are touched; a view keeps the mapping alive.
import Essentials
import Tensors

package final class SafetensorsFile: WeightFile {
  package let path: String
  package let metadata: [String: String]
  /// In the file's order.
  package let names: [String]
  let entries: [SafetensorsHeader.Entry]
  private let positions: [String: Int]
  let mapped: MappedFile

  /// - Throws: `TuneError` `.missingFile` or `.malformedFile`, with what is wrong.
  package init(path: String) throws {
    mapped = try MappedFile(path: path)
    let header = try SafetensorsHeader(UnsafeRawBufferPointer(mapped.bytes), path: path)
    self.path = path
    metadata = header.metadata
    entries = header.entries
    names = entries.map(\.name)
    positions = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
  }

  package var byteCount: Int { mapped.count }
  /// With its length before it.
  var header: [UInt8] {
    let bytes = UnsafeRawBufferPointer(mapped.bytes)
    return Array(bytes[..<(8 + Int(UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))))])
  }
  package func releasePages() { mapped.releasePages() }
  package func contains(_ name: String) -> Bool { positions[name] != nil }
  package func shape(of name: String) -> [Int]? { entry(name)?.shape }
  /// nil also for a type that tensors here cannot have.
  package func dtype(of name: String) -> DType? { entry(name)?.dtype }
  package func claim(of name: String) -> WeightClaim? {
    entry(name).map { WeightClaim(shape: $0.shape, dtype: $0.dtype, type: $0.type) }
  }
  func entry(_ name: String) -> SafetensorsHeader.Entry? { positions[name].map { entries[$0] } }

  /// The whole tensor over mapped memory. It is for reading.
  package func tensor(named name: String) throws -> Tensor {
    let (entry, dtype) = try found(name)
    return mapped.tensor(entry.bytes, entry.shape, dtype)
  }

  /// Some of the rows (the first dimension) over mapped memory.
  package func rows(_ rows: Range<Int>, of name: String) throws -> Tensor {
    let (entry, dtype) = try found(name)
    guard let count = entry.shape.first, rows.lowerBound >= 0, rows.upperBound <= count else {
      throw TuneError(
        .checkpointMismatch,
        "rows \(rows) are asked of tensor '\(name)' of shape \(entry.shape)",
        at: .init(file: path))
    }
    let rowBytes = count == 0 ? 0 : entry.bytes.count / count
    let start = entry.bytes.lowerBound + rows.lowerBound * rowBytes
    let shape = [rows.count] + entry.shape.dropFirst()
    return mapped.tensor(start..<start + rows.count * rowBytes, shape, dtype)
  }

  private func found(_ name: String) throws -> (SafetensorsHeader.Entry, DType) {
    guard let entry = entry(name) else {
      let near = nearestName(to: name, among: names).map { "; the nearest is '\($0)'" } ?? ""
      throw TuneError(
        .checkpointMismatch, "the file has no tensor '\(name)'\(near)", at: .init(file: path))
    }
    guard let dtype = entry.dtype else {
      throw TuneError(
        .unsupported, "tensor '\(name)' has the type \(entry.type), which cannot be read here",
        remedy: "Use a checkpoint in float32, bfloat16 or float16.", at: .init(file: path))
    }
    return (entry, dtype)
  }
}
