// One parser under test: whole inputs to begin with, the words of its format, and how an input is read.
import Essentials

struct FuzzedParser {
  /// Whole inputs, in the form that is changed.
  let seeds: [[UInt8]]
  let words: [[UInt8]]
  /// The seeds that are JSON, whose values can be changed.
  private let trees: TreeMutator
  /// From the form that is changed to the bytes of a file: lengths and checksums that are right, so that
  /// changes reach what they guard.
  let assembled: ([UInt8]) -> [UInt8]
  /// - Throws: `TuneError` for an input that is refused. Anything else is a fault.
  let read: ([UInt8]) throws -> Void

  init(
    seeds: [[UInt8]], words: [String] = [], assembled: @escaping ([UInt8]) -> [UInt8] = { $0 },
    read: @escaping ([UInt8]) throws -> Void
  ) {
    precondition(!seeds.isEmpty, "there is nothing to change")
    self.seeds = seeds
    self.words = words.map { Array($0.utf8) }
    trees = TreeMutator(seeds: seeds.compactMap(JSONSeed.init), words: self.words)
    self.assembled = assembled
    self.read = read
  }

  /// The input of a number: mostly changed before lengths and checksums are made, at times after.
  func input(seed: UInt64, number: Int) -> [UInt8] {
    var chance = Chance(seed: seed, number: UInt64(number))
    if chance.isOne(in: 2), let input = trees.input(&chance) { return assembled(input) }
    let whole = chance.pick(seeds)
    let mutator = Mutator(words: words, seeds: seeds)
    return chance.isOne(in: 4)
      ? mutator.mutated(assembled(whole), &chance) : assembled(mutator.mutated(whole, &chance))
  }
}

/// A result that cannot be right, such as a text that reads as another value than it was written from.
struct WrongResult: Error, CustomStringConvertible {
  let description: String
}

/// What is changed has two parts, as a file and what it is used with: a NUL stands between them.
func split(_ input: [UInt8]) -> (ArraySlice<UInt8>, ArraySlice<UInt8>) {
  let end = input.firstIndex(of: 0) ?? input.count
  return (input[..<end], input[min(end + 1, input.count)...])
}

func text(_ bytes: some Collection<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
