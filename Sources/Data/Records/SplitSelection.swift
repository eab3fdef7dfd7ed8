// Which records of a split are meant: `train`, `train[:95%]`, `train[10:20]`, or a sum of such, in
// the notation of Hugging Face datasets and with its rounding (to the nearest record, halves to
// even).
import Essentials

struct SplitSelection: Equatable {
  struct Part: Equatable {
    var name: String
    var lower: Int?
    var upper: Int?
    var isPercent = false
    /// `(pct1_dropremainder)`: a percent is the same number of records everywhere.
    var dropsRemainder = false
  }
  let parts: [Part]

  /// - Throws: `TuneError` `.configuration` with the key `split`.
  init(_ text: String) throws {
    parts = try text.split(separator: "+", omittingEmptySubsequences: false).map {
      try Self.part(String($0).strippedLikePython, of: text)
    }
  }

  private static func part(_ text: String, of whole: String) throws -> Part {
    let pattern = #/(\w[\w.]*)(?:\[(?:(-?\d+)(%)?)?:(?:(-?\d+)(%)?)?\])?(?:\((\w*)\))?/#
    guard let match = text.wholeMatch(of: pattern) else {
      throw failure(whole, "is not understood")
    }
    let (_, name, from, fromPercent, to, toPercent, rounding) = match.output
    func number(_ digits: Substring?) throws -> Int? {
      guard let digits else { return nil }
      guard let number = Int32(digits) else { throw failure(whole, "has too large a number") }
      return Int(number)
    }
    var part = Part(name: String(name), lower: try number(from), upper: try number(to))
    part.isPercent = fromPercent != nil || toPercent != nil
    let bothUnits = from != nil && to != nil && (fromPercent == nil) != (toPercent == nil)
    if bothUnits { throw failure(whole, "mixes percent and record numbers") }
    if part.isPercent, [part.lower, part.upper].contains(where: { abs($0 ?? 0) > 100 }) {
      throw failure(whole, "has a percentage beyond 100")
    }
    switch rounding {
    case nil, "closest": break
    case "pct1_dropremainder": part.dropsRemainder = true
    default: throw failure(whole, "has an unknown rounding")
    }
    return part
  }

  private static func failure(_ text: String, _ what: String) -> TuneError {
    TuneError(
      .configuration, "the split '\(text)' \(what)",
      remedy: "Write a name and optionally a range: train, train[:95%], train[10:20].",
      at: .init(.split))
  }
}

extension SplitSelection.Part {
  /// The records meant, of `count`.
  func range(of count: Int) -> Range<Int> {
    func place(_ bound: Int?, _ otherwise: Int) -> Int {
      guard let bound else { return otherwise }
      var place = bound
      if isPercent, dropsRemainder {
        place = bound * (count / 100)
      } else if isPercent {
        place = Int((Double(bound * count) / 100).rounded(.toNearestOrEven))
      }
      return min(max(place < 0 ? count + place : place, 0), count)
    }
    let (lower, upper) = (place(self.lower, 0), place(self.upper, count))
    return lower..<max(lower, upper)
  }
}
