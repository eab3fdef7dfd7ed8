// The error of a worker on its way to the launcher, which shows the first one and not all that
// followed from it. A worker without a launcher prints its error itself.
import Essentials
import Foundation

package enum WorkerErrorFile {
  static let variable = "SWIFT_TUNE_ERROR_FILE"
  private static let codeEnding = ".code"

  /// In a worker: leaves the error for the launcher, unless an earlier one is there. False when there
  /// is none to read it.
  package static func leave(
    _ error: TuneError, _ environment: [String: String] = ProcessInfo.processInfo.environment
  ) -> Bool {
    leave(error.description, code: error.code, environment)
  }

  /// In a worker that was interrupted: what the launcher says to the user.
  package static func leave(
    report: String, _ environment: [String: String] = ProcessInfo.processInfo.environment
  ) -> Bool {
    leave(report, code: nil, environment)
  }

  private static func leave(
    _ text: String, code: TuneError.Code?, _ environment: [String: String]
  ) -> Bool {
    guard let path = environment[variable], !path.isEmpty else { return false }
    if FileManager.default.fileExists(atPath: path) { return true }
    // First, so that who sees the text sees its code.
    if let code {
      try? code.rawValue.write(toFile: path + codeEnding, atomically: true, encoding: .utf8)
    }
    return (try? text.write(toFile: path, atomically: true, encoding: .utf8)) != nil
  }

  struct Left {
    var text: String
    var code: TuneError.Code?
    var date: Date
  }

  /// In the launcher: what a worker left, and when.
  static func read(_ path: String) -> Left? {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8), !text.isEmpty,
      let attributes = try? FileManager.default.attributesOfItem(atPath: path),
      let date = attributes[.modificationDate] as? Date
    else { return nil }
    let code = try? String(contentsOfFile: path + codeEnding, encoding: .utf8)
    return Left(text: text, code: code.flatMap(TuneError.Code.init), date: date)
  }
}

extension TuneError.Code {
  /// Whether the same run would fail of it again.
  var isFinal: Bool {
    switch self {
    case .usage, .configuration, .missingFile, .malformedFile, .checkpointMismatch, .data,
      .nonFinite, .unsupported:
      true
    case .device, .memory, .disk, .network, .worker: false
    }
  }
}
