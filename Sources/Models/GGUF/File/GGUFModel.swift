// A model of one GGUF file or of several parts (`name-00001-of-00003.gguf`): the keys are those of the
// first part, the tensors of all.
import Essentials
import Foundation

package final class GGUFModel: Sendable {
  package let parts: [GGUFFile]
  private let places: [String: (part: Int, tensor: GGUFFile.Tensor)]

  /// The part with the keys.
  package var file: GGUFFile { parts[0] }
  package var tensors: [GGUFFile.Tensor] { parts.flatMap(\.tensors) }

  /// - Parameter path: the file, or any part of several.
  /// - Throws: `TuneError` as `GGUFFile` does, and `.missingFile` for a part that is not there.
  package init(path: String) throws {
    let given = try GGUFFile(path: path)
    let count = try given.integer("split.count") ?? 1
    parts = count > 1 ? try Self.parts(of: given, count: count) : [given]
    var places: [String: (part: Int, tensor: GGUFFile.Tensor)] = [:]
    for (part, file) in parts.enumerated() {
      for tensor in file.tensors {
        guard places.updateValue((part, tensor), forKey: tensor.name) == nil else {
          throw TuneError(
            .malformedFile, "tensor '\(tensor.name)' is also in another part",
            remedy: "Download all parts again.", at: .init(file: file.path))
        }
      }
    }
    if let expected = try parts[0].integer("split.tensors.count"), count > 1,
      expected != places.count
    {
      throw parts[0].failure(
        "split.tensors.count", "is \(expected), but the parts have \(places.count) tensors",
        remedy: "Download all parts again.")
    }
    self.places = places
  }

  package subscript(name: String) -> GGUFFile.Tensor? { places[name]?.tensor }

  /// Valid while the model lives.
  package func bytes(of name: String) -> UnsafeRawBufferPointer? {
    places[name].map { place in
      UnsafeRawBufferPointer(rebasing: parts[place.part].map.bytes[place.tensor.bytes])
    }
  }

  /// Gives the pages that were read back to the system.
  package func releasePages() { for part in parts { part.map.releasePages() } }

  private static let partLimit = 1000

  private static func parts(of given: GGUFFile, count: Int) throws -> [GGUFFile] {
    func padded(_ number: Int) -> String {
      String(repeating: "0", count: max(0, 5 - String(number).count)) + String(number)
    }
    guard count <= partLimit else {
      throw given.failure("split.count", "is \(count); at most \(partLimit) are allowed")
    }
    let own = try given.integer("split.no") ?? 0
    guard (0..<count).contains(own) else {
      throw given.failure("split.no", "is \(own), but there are \(count) parts")
    }
    let ending = "-of-\(padded(count)).gguf"
    let ownEnding = "-\(padded(own + 1))" + ending
    guard given.path.hasSuffix(ownEnding) else {
      throw given.failure(
        "split.count", "is \(count), but the name does not end with '\(ownEnding)'",
        remedy: "Give the parts the names that they were published with.")
    }
    let stem = String(given.path.dropLast(ownEnding.count))
    return try (0..<count).map { number in
      if number == own { return given }
      let part = try GGUFFile(path: stem + "-\(padded(number + 1))" + ending)
      guard try part.integer("split.no") == number, try part.integer("split.count") == count else {
        throw part.failure(
          "split.no", "is not that of part \(number + 1) of \(count)",
          remedy: "Download all parts again.")
      }
      return part
    }
  }
}
