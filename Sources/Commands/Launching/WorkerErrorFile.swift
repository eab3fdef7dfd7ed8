// The error of a worker on its way to the launcher, which shows the first one and not all that
// followed from it. A worker without a launcher prints its error itself.
import Foundation

package enum WorkerErrorFile {
  static let variable = "SWIFT_TUNE_ERROR_FILE"

  /// In a worker: leaves the text for the launcher, unless an earlier one is there. False when there
  /// is none to read it.
  package static func leave(
    _ text: String, _ environment: [String: String] = ProcessInfo.processInfo.environment
  ) -> Bool {
    guard let path = environment[variable], !path.isEmpty else { return false }
    if FileManager.default.fileExists(atPath: path) { return true }
    return (try? text.write(toFile: path, atomically: true, encoding: .utf8)) != nil
  }

  /// In the launcher: what a worker left, and when.
  static func read(_ path: String) -> (text: String, date: Date)? {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8), !text.isEmpty,
      let attributes = try? FileManager.default.attributesOfItem(atPath: path),
      let date = attributes[.modificationDate] as? Date
    else { return nil }
    return (text, date)
  }
}
