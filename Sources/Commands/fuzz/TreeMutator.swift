// Broken inputs that are still JSON: values replaced, moved and repeated, keys renamed and left out. Changes of
// bytes rarely get past the parser of JSON; these reach what reads its values.
import Essentials

/// A seed that is JSON, in lines or as a whole, up to what stands after a NUL.
struct JSONSeed {
  let lines: [JSON]
  let rest: ArraySlice<UInt8>

  /// nil for a seed that is none.
  init?(_ seed: [UInt8]) {
    let (form, _) = split(seed)
    rest = seed[form.endIndex...]
    if let whole = try? JSON.parse(text(form)), whole.array != nil || whole.object != nil {
      lines = [whole]
      return
    }
    let parsed = form.split(separator: 10).map { try? JSON.parse(text($0)) }
    guard !parsed.isEmpty, parsed.allSatisfy({ $0?.object != nil }) else { return nil }
    lines = parsed.compactMap { $0 }
  }
}

struct TreeMutator {
  let seeds: [JSONSeed]
  let words: [[UInt8]]
  /// Of what a value is repeated to.
  private static let longest = 64 << 10

  /// - Returns: nil where no seed is JSON.
  func input(_ chance: inout Chance) -> [UInt8]? {
    guard !seeds.isEmpty else { return nil }
    let seed = chance.pick(seeds)
    var lines = seed.lines
    repeat {
      let line = chance.below(lines.count)
      lines[line] = changed(lines[line], &chance)
    } while chance.isOne(in: 2)
    return Array(lines.map { $0.text() }.joined(separator: "\n").utf8) + seed.rest
  }

  /// Goes down at random, so that what stands near the root is changed more often than one of many leaves.
  private func changed(_ value: JSON, _ chance: inout Chance) -> JSON {
    if chance.isOne(in: 4) { return replaced(value, &chance) }
    switch value {
    case .array(var elements) where !elements.isEmpty:
      let place = chance.below(elements.count)
      elements[place] = changed(elements[place], &chance)
      return .array(elements)
    case .object(var object) where !object.isEmpty:
      let key = chance.pick(object.keys)
      object[key] = object[key].map { changed($0, &chance) }
      return .object(object)
    default: return replaced(value, &chance)
    }
  }

  private func replaced(_ value: JSON, _ chance: inout Chance) -> JSON {
    switch chance.below(6) {
    case 0: return chance.pick(Self.edges)
    case 1: return part(of: chance.pick(chance.pick(seeds).lines), &chance)
    case 2:
      let most = Self.longest / max(1, value.text().utf8.count)
      return .array(
        [JSON](repeating: value, count: max(1, min(most, chance.pick([1, 2, 70, 1000])))))
    default: break
    }
    switch value {
    case .array(var elements) where !elements.isEmpty:
      let place = chance.below(elements.count)
      switch chance.below(3) {
      case 0: elements.remove(at: place)
      case 1: elements.append(elements[place])
      default: elements.swapAt(0, place)
      }
      return .array(elements)
    case .object(var object) where !object.isEmpty:
      let (key, other) = (chance.pick(object.keys), chance.pick(object.keys))
      switch chance.below(3) {
      case 0: object[key] = nil
      case 1: object[other] = object[key]
      default: object[string(key, &chance)] = object[key]
      }
      return .object(object)
    case .string(let text): return .string(string(text, &chance))
    default: return chance.pick(Self.edges)
    }
  }

  private func part(of value: JSON, _ chance: inout Chance) -> JSON {
    guard !chance.isOne(in: 3) else { return value }
    switch value {
    case .array(let elements) where !elements.isEmpty:
      return part(of: chance.pick(elements), &chance)
    case .object(let object) where !object.isEmpty:
      return part(of: object[chance.pick(object.keys)] ?? .null, &chance)
    default: return value
    }
  }

  private func string(_ value: String, _ chance: inout Chance) -> String {
    let mutator = Mutator(
      words: words, seeds: [Array(value.utf8), Array("\u{0}\u{E9}\u{1F600}".utf8)])
    return text(mutator.mutated(Array(value.utf8), &chance))
  }

  private static let edges: [JSON] = [
    .null, true, false, "", [], .object([:]), .integer(0), .integer(1), .integer(-1), .integer(2),
    .integer(255), .integer(65_536), .integer(1 << 24), .integer(1 << 31), .integer(1 << 32),
    .integer(1 << 53), .integer(1 << 62), .integer(.max), .integer(.min), .number(0.5),
    .number(-0.0), .number(.leastNonzeroMagnitude), .number(1e19), .number(1e300), .number(2.0),
    "null", "0",
    [[[[[[[]]]]]]], .object(["": .null]),
  ]
}
