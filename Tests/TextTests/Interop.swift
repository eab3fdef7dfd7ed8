// The real Python programs that tests compare with, from the environment of scripts/interop-env.
import Foundation
import Testing

enum Interop {
  /// Runs a Python script to its end.
  /// - Returns: what it wrote to its standard output.
  @discardableResult
  static func python(_ arguments: [String], file: String = #filePath) throws -> String {
    let root = URL(fileURLWithPath: file).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let program = root.appendingPathComponent(".interop/venv/bin/python")
    try #require(
      FileManager.default.isExecutableFile(atPath: program.path),
      "there is no \(program.path): run scripts/interop-env")
    let process = Process()
    process.executableURL = program
    process.arguments = arguments
    let (output, errors) = (Pipe(), Pipe())
    (process.standardOutput, process.standardError) = (output, errors)
    try process.run()
    let text = try output.fileHandleForReading.readToEnd() ?? Data()
    let complaint = try errors.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    try #require(
      process.terminationStatus == 0, "\(String(decoding: complaint.suffix(2000), as: UTF8.self))")
    return String(decoding: text, as: UTF8.self)
  }
}
