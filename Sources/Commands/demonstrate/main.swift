// `make demo`: see PretrainedDemonstration.swift, which `--model FOLDER` chooses, and Demonstration.swift, which
// needs no model. Options: --output FOLDER, --seed N, --bits 4,3,2 (with a model), and --steps N (with a model) or
// BASE,TUNING for a shorter or longer run.
import Essentials
import Foundation
import Tensors

private struct Options {
  var folder = FileManager.default.currentDirectoryPath + "/demo-output"
  var model: String?
  var seed: UInt64 = 0
  var steps: [Int]?
  var bits = [4]

  init(_ arguments: some Collection<String>) throws {
    var words = Array(arguments)[...]
    while let word = words.popFirst() {
      guard let value = words.popFirst() else { throw Self.usage("'\(word)' needs a value") }
      switch word {
      case "--output": folder = URL(fileURLWithPath: value).path
      case "--model": model = URL(fileURLWithPath: value).path
      case "--seed":
        guard let seed = UInt64(value) else { throw Self.usage("'\(value)' is no seed") }
        self.seed = seed
      case "--bits": bits = try Self.numbers(value, of: word, in: 2...8)
      case "--steps": steps = try Self.numbers(value, of: word, in: 11...1_000_000)
      default: throw Self.usage("unknown option '\(word)'")
      }
    }
    if let steps, steps.count != (model == nil ? 2 : 1) {
      throw Self.usage("--steps takes one number with --model, and BASE,TUNING without")
    }
  }

  private static func numbers(_ text: String, of option: String, in range: ClosedRange<Int>) throws
    -> [Int]
  {
    let words = text.split(separator: ",", omittingEmptySubsequences: false)
    let numbers = words.compactMap { Int($0) }.filter(range.contains)
    guard numbers.count == words.count else {
      throw usage("\(option) takes numbers from \(range.lowerBound), not '\(text)'")
    }
    return numbers
  }

  private static func usage(_ text: String) -> TuneError {
    TuneError(
      .usage, text,
      remedy: "demonstrate [--model FOLDER] [--output FOLDER] [--seed N] [--bits LIST] "
        + "[--steps N | BASE,TUNING]")
  }
}

private func run() throws {
  let options = try Options(CommandLine.arguments.dropFirst())
  Devices.configureProcess()
  guard let model = options.model else {
    var settings = DemonstrationSettings()
    settings.seed = options.seed
    if let steps = options.steps {
      (settings.baseSteps, settings.tuningSteps) = (steps[0], steps[1])
    }
    return try Demonstration(folder: options.folder, tune: TuneCommand(), settings: settings).run()
  }
  var demonstration = PretrainedDemonstration(
    model: model, folder: options.folder, tune: try TuneCommand())
  demonstration.seed = options.seed
  demonstration.bits = options.bits
  if let steps = options.steps { demonstration.steps = steps[0] }
  try demonstration.run()
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
