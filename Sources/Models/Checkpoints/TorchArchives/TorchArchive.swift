// A file of torch.save (`.bin`, `.pth`, `.pt`), for its tensors only: mapped, checked whole before any
// is given out, nothing in it executed. Tensors lie over the mapped pages, as those of a safetensors
// file do.
import Essentials
import Tensors

package final class TorchArchive: WeightFile {
  package let path: String
  /// In the file's order.
  package let names: [String]
  package var metadata: [String: String] { [:] }
  package var byteCount: Int { mapped.count }
  package func releasePages() { mapped.releasePages() }
  private let tensors: [String: Place]
  private let mapped: MappedFile

  /// A tensor, found to lie within its record.
  private struct Place {
    var dtype: DType
    var shape: [Int]
    /// In elements.
    var strides: [Int]
    /// Of the first element, in bytes of the file.
    var start: Int
    var isContiguous: Bool
  }

  /// - Throws: `TuneError` `.missingFile`, `.malformedFile`, or `.unsupported` for an archive that asks
  ///   for anything but tensors, or of a torch before 1.6.
  package init(path: String) throws {
    mapped = try MappedFile(path: path)
    self.path = path
    let file = UnsafeRawBufferPointer(mapped.bytes)
    try Self.refuseOldFormat(file, path)
    let records = try ZipDirectory(file, path: path).records
    let bytes = CheckedBytes(file, path: path)
    let pickles = records.keys.filter { $0.hasSuffix("/data.pkl") }
    guard pickles.count == 1, let range = records[pickles[0]] else {
      throw bytes.failure("it holds \(pickles.isEmpty ? "no" : "more than one") data.pkl")
    }
    let prefix = pickles[0].dropLast("data.pkl".count)
    if let order = records[prefix + "byteorder"], Array(file[order]) != Array("little".utf8) {
      throw TuneError(
        .unsupported, "the archive's numbers are not little-endian", at: .init(file: path))
    }
    var machine = try PickleMachine(UnsafeRawBufferPointer(rebasing: file[range]), path: path)
    let entries = try machine.stateEntries()
    var tensors: [String: Place] = [:]
    for (name, tensor) in entries {
      let place = try Self.place(
        tensor, name, records[prefix + "data/" + tensor.storage.key], bytes)
      guard tensors.updateValue(place, forKey: name) == nil else {
        throw bytes.failure("the tensor '\(name)' is there twice")
      }
    }
    names = entries.map(\.name)
    self.tensors = tensors
  }

  package func claim(of name: String) -> WeightClaim? {
    tensors[name].map { WeightClaim(shape: $0.shape, dtype: $0.dtype, type: $0.dtype.torchName) }
  }

  package func tensor(named name: String) throws -> Tensor {
    let place = try found(name)
    guard place.isContiguous else { return gathered(place) }
    let size = place.shape.reduce(place.dtype.byteCount, *)
    return mapped.tensor(place.start..<place.start + size, place.shape, place.dtype)
  }

  package func rows(_ rows: Range<Int>, of name: String) throws -> Tensor {
    var place = try found(name)
    guard let count = place.shape.first, rows.lowerBound >= 0, rows.upperBound <= count else {
      throw TuneError(
        .checkpointMismatch, "rows \(rows) are asked of tensor '\(name)' of shape \(place.shape)",
        at: .init(file: path))
    }
    place.shape[0] = rows.count
    place.start += rows.lowerBound * place.strides[0] * place.dtype.byteCount
    guard place.isContiguous else { return gathered(place) }
    let size = place.shape.reduce(place.dtype.byteCount, *)
    return mapped.tensor(place.start..<place.start + size, place.shape, place.dtype)
  }

  private func found(_ name: String) throws -> Place {
    guard let place = tensors[name] else {
      let near = nearestName(to: name, among: names).map { "; the nearest is '\($0)'" } ?? ""
      throw TuneError(
        .checkpointMismatch, "the file has no tensor '\(name)'\(near)", at: .init(file: path))
    }
    return place
  }

  /// A copy, number by number, of a tensor whose numbers do not lie in a row: a transposed one.
  private func gathered(_ place: Place) -> Tensor {
    let copy = Tensor.empty(place.shape, place.dtype)
    let size = place.dtype.byteCount
    TensorReads.add(copy.count * size, of: path)
    let source = UnsafeRawBufferPointer(mapped.bytes)
    copy.withMutableBytes { target in
      var index = [Int](repeating: 0, count: place.shape.count)
      var offset = 0
      for element in 0..<target.count / size {
        let from = place.start + offset * size
        target[element * size..<(element + 1) * size].copyBytes(from: source[from..<from + size])
        var dim = place.shape.count - 1
        while dim >= 0 {
          index[dim] += 1
          offset += place.strides[dim]
          if index[dim] < place.shape[dim] { break }
          offset -= index[dim] * place.strides[dim]
          index[dim] = 0
          dim -= 1
        }
      }
    }
    return copy
  }
}

extension TorchArchive {
  private static func refuseOldFormat(_ file: UnsafeRawBufferPointer, _ path: String) throws {
    guard file.count < 4 || file[0] != UInt8(ascii: "P") || file[1] != UInt8(ascii: "K") else {
      return
    }
    guard file.first == 0x80 else {
      throw CheckedBytes(file, path: path).failure("it is no zip file")
    }
    throw TuneError(
      .unsupported, "the file is in the format of torch before 1.6, a bare pickle",
      remedy: "Convert it once with torch: torch.save(torch.load(old, weights_only=True), new).",
      at: .init(file: path))
  }

  /// The tensor in its record. It claims no more numbers than its storage has, so that what is small
  /// in the file stays small in memory.
  private static func place(
    _ tensor: TorchTensor, _ name: String, _ record: Range<Int>?, _ bytes: CheckedBytes
  ) throws -> Place {
    let (storage, size) = (tensor.storage, tensor.storage.dtype.byteCount)
    guard let record else { throw bytes.failure("the numbers of tensor '\(name)' are missing") }
    guard storage.count <= record.count / size else {
      throw bytes.failure("the storage of tensor '\(name)' is shorter than it claims")
    }
    var (count, last, isContiguous) = (1, tensor.offset, true)
    // A dimension of one element, or none, has no second one to step to, and its stride means nothing.
    let strides = zip(tensor.shape, tensor.strides).map { $0 > 1 ? $1 : 0 }
    // Sizes beside a zero, too: what is made of them later is multiplied.
    var claimed = size
    for (length, stride) in zip(tensor.shape, strides).reversed() {
      let (room, isTooLarge) = claimed.multipliedReportingOverflow(by: max(1, length))
      guard !isTooLarge else {
        throw bytes.failure("the shape \(tensor.shape) of tensor '\(name)' is too large")
      }
      claimed = room
      if length > 1, stride != count { isContiguous = false }
      let (product, overflows) = count.multipliedReportingOverflow(by: length)
      let (reach, reachOverflows) = max(0, length - 1).multipliedReportingOverflow(by: stride)
      let (sum, sumOverflows) = last.addingReportingOverflow(reach)
      guard !overflows, !reachOverflows, !sumOverflows else {
        throw bytes.failure("the shape \(tensor.shape) of tensor '\(name)' is too large")
      }
      (count, last) = (product, sum)
    }
    guard count == 0 || (last < storage.count && count <= storage.count) else {
      throw bytes.failure(
        "tensor '\(name)' of shape \(tensor.shape) and strides \(tensor.strides) does not lie "
          + "within its storage of \(storage.count)")
    }
    guard count > 0 else {
      return Place(
        dtype: storage.dtype, shape: tensor.shape, strides: tensor.shape.map { _ in 0 },
        start: record.lowerBound, isContiguous: true)
    }
    return Place(
      dtype: storage.dtype, shape: tensor.shape, strides: strides,
      start: record.lowerBound + tensor.offset * size, isContiguous: isContiguous)
  }
}

extension PickleMachine {
  /// The tensors of a state dict by their names.
  fileprivate mutating func stateEntries() throws -> [(name: String, tensor: TorchTensor)] {
    guard case .map(let index) = try run() else {
      throw failure("it holds no dictionary of tensors")
    }
    return try maps[index].map { key, value in
      guard let name = key.text else { throw failure("its dictionary has keys that are no names") }
      guard case .tensor(let tensor) = value else { throw noTensor(name) }
      return (name, tensor)
    }
  }
}
