// Texts that tests record beside their sources and compare with ever after.
import Foundation

/// The text recorded in a file, by its path below Tests. With RECORD_SNAPSHOTS set, writes `text` there
/// instead, and throws so that the test fails.
package func snapshot(_ name: String, recording text: String) throws -> String {
  let path = fixturePath(name)
  if ProcessInfo.processInfo.environment["RECORD_SNAPSHOTS"] != nil {
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    throw SnapshotRecorded(path: path)
  }
  return try String(contentsOfFile: path, encoding: .utf8)
}

private struct SnapshotRecorded: Error, CustomStringConvertible {
  let path: String
  var description: String { "recorded \(path): run the test again without RECORD_SNAPSHOTS" }
}
