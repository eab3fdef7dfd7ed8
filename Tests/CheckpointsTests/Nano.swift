// What the tests of this room share: the tiny model.
import Essentials
import Foundation
import TestSupport
import Testing

@testable import Checkpoints

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
