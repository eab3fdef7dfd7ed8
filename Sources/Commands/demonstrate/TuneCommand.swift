// Runs the `tune` that was built beside this program, its output going where ours goes.
import Essentials
import Foundation

struct TuneCommand {
  let path: String

  init() throws {
    let own = Bundle.main.executablePath ?? CommandLine.arguments[0]
    path = own.parentFolder + "/tune"
    guard FileManager.default.isExecutableFile(atPath: path) else {
      throw TuneError(
        .missingFile, "the tune command is not there", remedy: "Build it: make build",
        at: .init(file: path))
    }
  }

  func run(_ arguments: [String]) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw TuneError(
        .worker,
        "`tune \(arguments.joined(separator: " "))` ended with exit code "
          + "\(process.terminationStatus)")
    }
  }
}
