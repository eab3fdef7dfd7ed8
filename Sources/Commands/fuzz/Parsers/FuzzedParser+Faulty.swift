// A parser that fails in every way that is looked for, so that a test can see each of them found.
import Essentials

extension FuzzedParser {
  static var faulty: FuzzedParser {
    FuzzedParser(seeds: ["crash", "hang", "memory", "error", "sound"].map { Array($0.utf8) }) {
      input in
      switch fuzz.text(input.prefix(2)) {
      case "cr": preconditionFailure("an index out of range")
      case "ha": while !input.isEmpty {}
      case "me":
        var taken: [[UInt8]] = []
        while !input.isEmpty { taken.append([UInt8](repeating: 1, count: 64 << 20)) }
      case "er": throw WrongResult(description: "an error of no known kind")
      case "so": break
      default: throw TuneError(.malformedFile, "refused")
      }
    }
  }
}
