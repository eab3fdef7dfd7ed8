// `make demo`: see Demonstration.swift. Options: --output FOLDER, --seed N, and --steps BASE,TUNING
// for a shorter or longer run.
import Essentials
import Foundation
import Tensors

private func run() throws {
  var settings = DemonstrationSettings()
  var folder = FileManager.default.currentDirectoryPath + "/demo-output"
  var words = CommandLine.arguments.dropFirst()
  func usage(_ text: String) -> TuneError {
    TuneError(
      .usage, text, remedy: "demonstrate [--output FOLDER] [--seed N] [--steps BASE,TUNING]")
  }
  while let word = words.popFirst() {
    guard let value = words.popFirst() else { throw usage("'\(word)' needs a value") }
    switch word {
    case "--output": folder = URL(fileURLWithPath: value).path
    case "--seed":
      guard let seed = UInt64(value) else { throw usage("'\(value)' is no seed") }
      settings.seed = seed
    case "--steps":
      let steps = value.split(separator: ",").compactMap { Int($0) }
      guard steps.count == 2, steps.allSatisfy({ $0 > 10 }) else {
        throw usage("--steps takes two numbers above 10, not '\(value)'")
      }
      (settings.baseSteps, settings.tuningSteps) = (steps[0], steps[1])
    default: throw usage("unknown option '\(word)'")
    }
  }
  Devices.configureProcess()
  try Demonstration(folder: folder, tune: TuneCommand(), settings: settings).run()
}

do {
  try run()
} catch let error as TuneError {
  FileHandle.standardError.write(Data("error: \(error)\n".utf8))
  exit(error.exitCode)
} catch {
  FileHandle.standardError.write(Data("error: \(error)\n".utf8))
  exit(1)
}
