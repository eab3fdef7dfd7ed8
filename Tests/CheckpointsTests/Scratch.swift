// What the tests of this floor share: a folder that goes away, the tiny model, handmade files.
import Essentials
import Foundation
import Layers
import Testing

@testable import Checkpoints

/// A folder for one test, removed with the value.
final class Scratch {
  let path: String
  init() throws {
    path = NSTemporaryDirectory() + "/checkpoints-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }
  deinit { try? FileManager.default.removeItem(atPath: path) }
  subscript(name: String) -> String { path + "/" + name }
  func write(_ bytes: [UInt8], _ name: String) throws -> String {
    try Data(bytes).write(to: URL(fileURLWithPath: self[name]))
    return self[name]
  }
  /// Every file and folder inside, sorted.
  var everything: [String] {
    (FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []).sorted()
  }
}

func bytes(of path: String) throws -> [UInt8] {
  [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
}

func fixture(_ name: String) throws -> String {
  try #require(Bundle.module.resourceURL).appendingPathComponent("Fixtures/" + name).path
}

func nanoFolder() throws -> ModelFolder { try ModelFolder(path: fixture("nano")) }

/// A copy of the tiny model's folder whose config.json is changed.
func nanoCopy(in scratch: Scratch, _ name: String = "model", _ changes: [String: JSON] = [:]) throws
  -> String
{
  let folder = scratch[name]
  try FileManager.default.copyItem(atPath: fixture("nano"), toPath: folder)
  var json = try #require(try JSON.load(path: folder + "/config.json").object)
  for (key, value) in changes { json[key] = value }
  try JSON.object(json).text(indented: true).write(
    toFile: folder + "/config.json", atomically: true, encoding: .utf8)
  return folder
}

/// Safetensors bytes with whatever header.
func safetensors(_ header: String, data: Int = 0, claimedLength: UInt64? = nil) -> [UInt8] {
  let text = Array(header.utf8)
  let length = (claimedLength ?? UInt64(text.count)).littleEndian
  return withUnsafeBytes(of: length) { Array($0) } + text + [UInt8](repeating: 7, count: data)
}

/// The error that `body` must throw.
func thrown(_ body: () throws -> Void) -> TuneError? {
  do {
    try body()
    return nil
  } catch {
    return error as? TuneError
  }
}
