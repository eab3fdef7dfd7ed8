// A short form of `make fuzz`: every parser for half a second, in the program that is built beside the tests; and that
// this program finds what it looks for.
import Essentials
import Foundation
import TestSupport
import Testing

@testable import fuzz

@Suite struct FuzzTests {
  private static func run(_ words: [String]) throws -> Program.Result {
    let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    let program = URL(fileURLWithPath: tests).deletingLastPathComponent().appending(path: "fuzz")
    return try Program.run(program.path, words + ["--fixtures", testsFolder])
  }

  @Test func noInputIsMoreThanRefused() throws {
    // Without optimization all takes longer: the bound of 5 s is for `make fuzz`.
    let result = try Self.run(["--seconds", "0.6", "--bound", "30"])
    #expect(result.exitCode == 0, "\(result.stdout)\(result.stderr)")
    let lines = result.stdout.split(separator: "\n")
    for parser in Parser.whole {
      let line = lines.first { $0.hasPrefix(parser.rawValue + " ") }
      #expect(line?.contains(" 0 faults") == true, "\(parser)")
    }
  }

  /// Crashes, endless loops, memory without bound and errors of unknown kinds, each with its number.
  @Test func everyKindOfFaultIsFound() throws {
    let result = try Self.run(["faulty", "--count", "60", "--bound", "0.2"])
    #expect(result.exitCode == 1)
    for what in ["signal", "an index out of range", "processor time", "WrongResult"] {
      #expect(result.stdout.contains(what), "\(what): \(result.stdout)")
    }
    let line = try #require(
      result.stdout.split(separator: "\n").first { $0.contains("processor time") })
    let number = try #require(
      line.split(separator: " ").lazy.compactMap { Int($0.dropLast()) }.first)
    let again = try Self.run(["faulty", "--from", "\(number)", "--count", "1", "--bound", "0.2"])
    #expect(again.stdout.contains("FAULT faulty, input \(number): takes more"))
  }

  @Test func aNumberAlwaysMakesTheSameInput() throws {
    let parser = FuzzedParser.json
    #expect(parser.input(seed: 1, number: 7) == parser.input(seed: 1, number: 7))
    let inputs = Set((0..<100).map { parser.input(seed: 1, number: $0) })
    #expect(inputs.count > 80)
    #expect(parser.input(seed: 2, number: 7) != parser.input(seed: 1, number: 7))
  }
}

/// What is broken for the tests must be whole at first, or most inputs would not reach what they are for.
@Suite struct SeedTests {
  @Test(arguments: Parser.whole) func aWholeInputIsAccepted(_ parser: Parser) throws {
    let folder = NSTemporaryDirectory() + "fuzz-seeds-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let whole = try parser.make(Place(fixtures: testsFolder, scratch: folder))
    #expect(!whole.seeds.isEmpty)
    var refusals: [String] = []
    for seed in whole.seeds {
      do { try whole.read(whole.assembled(seed)) } catch let error as TuneError {
        refusals.append("\(error)")
      }
    }
    #expect(refusals.count * 2 <= whole.seeds.count, "\(refusals)")
  }
}
