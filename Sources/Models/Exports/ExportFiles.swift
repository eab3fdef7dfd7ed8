// The files of an export: all tensors are declared first, so that every place is known and the disk space
// reserved before the first byte of work is at stake; then rows come in any order. A folder takes its name
// in one step when all of it is on the disk.
import Essentials
import Foundation
import Tensors

/// A file before any weight is in it.
struct PlannedFile {
  var name: String
  /// What stands before the tensors.
  var header: [UInt8]
  /// Where each tensor's bytes start, by its name.
  var offsets: [String: Int]
  /// Of the whole file.
  var byteCount: Int
}

final class ExportFiles {
  private let path: String
  /// Where the files are until all are finished; nil for an export that is one file.
  private let partial: String?
  private let files: [ReservedFile]
  private let places: [String: (file: Int, offset: Int)]
  private var isFinished = false

  /// - Parameter isFolder: whether `path` is a folder of these files, else the one file.
  /// - Throws: `TuneError` `.disk`, also when the disk has no room for all of it.
  init(_ planned: [PlannedFile], at path: String, isFolder: Bool) throws {
    self.path = path
    let parent = path.parentFolder
    if !parent.isEmpty { try PartialPath.makeFolder(parent) }
    partial = isFolder ? PartialPath.path(for: path) : nil
    if let partial {
      PartialPath.removeAbandoned(for: path)
      try PartialPath.makeFolder(partial)
    }
    do {
      files = try planned.map { [partial] file in
        let name = partial.map { $0 + "/" + file.name } ?? path
        let reserved = try ReservedFile(name, byteCount: file.byteCount)
        try file.header.withUnsafeBytes { try reserved.put($0, at: 0) }
        return reserved
      }
    } catch {
      if let partial { try? FileManager.default.removeItem(atPath: partial) }
      throw error
    }
    var places: [String: (file: Int, offset: Int)] = [:]
    for (index, file) in planned.enumerated() {
      for (name, offset) in file.offsets { places[name] = (index, offset) }
    }
    self.places = places
  }

  deinit {
    if !isFinished, let partial { try? FileManager.default.removeItem(atPath: partial) }
  }

  func put(_ bytes: Tensor, of name: String, at offset: Int) throws {
    try bytes.to(.cpu).contiguous().withBytes { try put($0, of: name, at: offset) }
  }
  func put(_ bytes: UnsafeRawBufferPointer, of name: String, at offset: Int = 0) throws {
    guard let place = places[name] else {
      preconditionFailure("tensor '\(name)' was not declared")
    }
    try files[place.file].put(bytes, at: place.offset + offset)
  }
  /// A file beside the weights.
  func add(_ text: String, as name: String) throws {
    guard let partial else { preconditionFailure("one file has no others") }
    try AtomicFile.write(Data(text.utf8), to: partial + "/" + name)
  }
  var folder: String? { partial }

  func finish() throws {
    for file in files { try file.finish() }
    if let partial {
      PartialPath.syncFolder(containing: partial + "/any")
      try PartialPath.move(partial, to: path)
      // Where a folder was there before, it has now the other name.
      try? FileManager.default.removeItem(atPath: partial)
    }
    isFinished = true
  }
}
