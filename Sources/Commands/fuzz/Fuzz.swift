// Feeds every parser with broken inputs, made from whole ones by a seed, and reports those that it dies of.
//
//   fuzz [PARSER ...] [--seed N] [--from N] [--count N] [--seconds S] [--fixtures FOLDER] [--bound S]
//        [--dump FILE]
//
// Prints a line for each parser and one for each fault; the exit code is 1 when there was any. The same
// seed and number make the same input: --dump writes that of --from. Without a count, each parser
// runs for --seconds, 10 unless given; with one, until it is reached.
import Essentials
import Foundation
import Tensors

@main
enum Fuzz {
  static let childCommand = "--child"

  static func main() {
    do {
      var words = Array(CommandLine.arguments.dropFirst())
      if words.first == childCommand { exit(try child(Array(words.dropFirst()))) }
      exit(try run(&words))
    } catch {
      StandardStreams.error("error: \(error)\n")
      exit((error as? TuneError)?.exitCode ?? 1)
    }
  }

  private static func run(_ words: inout [String]) throws -> Int32 {
    let seed = try number("--seed", in: &words) ?? 1
    let from = try number("--from", in: &words) ?? 0
    let count = try number("--count", in: &words)
    let seconds = try value("--seconds", in: &words).flatMap(Double.init)
    let fixtures = try value("--fixtures", in: &words) ?? "Tests"
    let bound = try value("--bound", in: &words).flatMap(Double.init)
    let dump = try value("--dump", in: &words)
    let chosen = try words.isEmpty ? Parser.whole : words.map(Parser.init(named:))
    let scratch = try scratchFolder()
    defer { try? FileManager.default.removeItem(atPath: scratch) }
    if let dump, let parser = chosen.first {
      let place = Place(fixtures: fixtures, scratch: scratch)
      let input = try parser.make(place).input(seed: UInt64(seed), number: from)
      try AtomicFile.write(Data(input), to: dump)
      return 0
    }
    var options = Campaign.Options(fixtures: fixtures, scratch: scratch)
    if let bound { options.bounds.seconds = bound }
    let end = from.addingReportingOverflow(count ?? .max)
    var faults = 0
    for parser in chosen {
      let campaign = Campaign(
        name: parser.rawValue, seed: UInt64(seed),
        numbers: from..<(end.overflow ? .max : end.partialValue),
        seconds: seconds ?? (count == nil ? 10 : .infinity), options: options)
      faults += try campaign.run().count
    }
    return faults == 0 ? 0 : 1
  }

  /// At once, for those who watch.
  static func say(_ line: String) { StandardStreams.output(line + "\n") }

  private static func child(_ words: [String]) throws -> Int32 {
    guard words.count == 9, let parser = Parser(rawValue: words[0]), let seed = UInt64(words[1]),
      let from = Int(words[2]), let end = Int(words[3]), from <= end,
      let seconds = Double(words[4]),
      let bound = Double(words[7]), let bytes = Int(words[8])
    else { throw TuneError(.usage, "\(childCommand) is not for people") }
    Devices.configureProcess()
    let progress = try Progress(path: words[6] + "/progress")
    let place = Place(fixtures: words[5], scratch: words[6])
    return try Child(
      parser: parser.make(place), seed: seed, numbers: from..<end, seconds: seconds,
      bounds: .init(seconds: bound, bytes: bytes)
    ).run(progress)
  }

  private static func scratchFolder() throws -> String {
    let memory = "/dev/shm"
    let root = access(memory, W_OK) == 0 ? memory : NSTemporaryDirectory()
    let folder = root + "/fuzz-\(getpid())"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    return folder
  }

  private static func value(_ option: String, in words: inout [String]) throws -> String? {
    guard let place = words.firstIndex(of: option) else { return nil }
    guard place + 1 < words.count else { throw TuneError(.usage, "\(option) needs a value") }
    defer { words.removeSubrange(place...place + 1) }
    return words[place + 1]
  }

  private static func number(_ option: String, in words: inout [String]) throws -> Int? {
    guard let text = try value(option, in: &words) else { return nil }
    guard let number = Int(text), number >= 0 else {
      throw TuneError(.usage, "\(option) must be a number, not '\(text)'")
    }
    return number
  }
}
