// Unicode's four normalization forms (UAX #15) over UTF-8. Foundation on Linux composes Hangul
// syllables and some newer pairs wrongly, so only its decompositions of single characters are used
// (UnicodeTables); ordering and composition are written out here.

enum UnicodeForm: Sendable {
  case nfc, nfd, nfkc, nfkd

  var isComposed: Bool { self == .nfc || self == .nfkc }
  var isCompatible: Bool { self == .nfkc || self == .nfkd }

  /// Valid UTF-8 in this form. ASCII never changes, and no rule reaches across the start of an
  /// ASCII character, so only what follows one is worked on.
  /// - Parameter tables: of which version of Unicode.
  func apply(to text: [UInt8], _ tables: @autoclosure () -> UnicodeTables = .current) -> [UInt8] {
    guard let first = text.firstIndex(where: { $0 >= 0x80 }) else { return text }
    var output: [UInt8] = []
    output.reserveCapacity(text.count + text.count / 8)
    var work = Work(form: self, tables: tables())
    text.withUnsafeBufferPointer { text in
      var position = max(0, first - 1)
      output.append(contentsOf: text[..<position])
      while position < text.count {
        if text[position] < 0x80, position + 1 == text.count || text[position + 1] < 0x80 {
          output.append(text[position])
          position += 1
          continue
        }
        position = work.read(text, from: position)
        work.write(to: &output)
      }
    }
    return output
  }

  /// The characters of one stretch while they are decomposed, ordered and composed.
  private struct Work {
    let form: UnicodeForm
    let tables: UnicodeTables
    private var scalars: [UInt32] = []
    private var classes: [UInt8] = []

    init(form: UnicodeForm, tables: UnicodeTables) { (self.form, self.tables) = (form, tables) }

    /// Decomposes one character and all that is not ASCII after it; returns where it ended.
    mutating func read(_ text: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
      var position = start
      repeat {
        let (scalar, width) = decodeScalar(text, at: position)
        append(scalar)
        position += width
      } while position < text.count && text[position] >= 0x80
      return position
    }

    private mutating func append(_ scalar: UInt32) {
      let syllable = scalar &- Hangul.firstSyllable
      if syllable < Hangul.syllableCount {
        add(Hangul.firstLead + syllable / Hangul.vowelsTimesTails)
        add(Hangul.firstVowel + syllable % Hangul.vowelsTimesTails / Hangul.tailCount)
        let tail = syllable % Hangul.tailCount
        if tail > 0 { add(Hangul.noTail + tail) }
      } else if let parts = tables.decomposition(of: scalar, compatible: form.isCompatible) {
        for part in parts { add(part) }
      } else {
        add(scalar)
      }
    }

    private mutating func add(_ scalar: UInt32) {
      scalars.append(scalar)
      classes.append(tables.combiningClass(of: scalar))
    }

    mutating func write(to output: inout [UInt8]) {
      sortMarks()
      if form.isComposed { compose() }
      for scalar in scalars { appendUTF8(scalar, to: &output) }
      scalars.removeAll(keepingCapacity: true)
      classes.removeAll(keepingCapacity: true)
    }

    /// Marks in a row by their class, those of equal class in their order.
    private mutating func sortMarks() {
      var start = 0
      while start < scalars.count {
        if classes[start] == 0 {
          start += 1
          continue
        }
        var end = start + 1
        var isSorted = true
        while end < scalars.count, classes[end] != 0 {
          if classes[end] < classes[end - 1] { isSorted = false }
          end += 1
        }
        if !isSorted {
          let order = (start..<end).map { UInt64(classes[$0]) << 32 | UInt64($0) }.sorted()
          let sorted = order.map { scalars[Int($0 & 0xFFFF_FFFF)] }
          for (offset, key) in order.enumerated() {
            scalars[start + offset] = sorted[offset]
            classes[start + offset] = UInt8(key >> 32)
          }
        }
        start = end
      }
    }

    private mutating func compose() {
      var (count, starter) = (0, -1)
      /// The class of the last character kept after the starter; -1 when there is none.
      var last = -1
      for position in scalars.indices {
        let (scalar, itsClass) = (scalars[position], Int(classes[position]))
        if starter >= 0, last < itsClass || last < 0,
          let whole = tables.composition(scalars[starter], scalar)
        {
          scalars[starter] = whole
          continue
        }
        scalars[count] = scalar
        if itsClass == 0 { (starter, last) = (count, -1) } else { last = itsClass }
        count += 1
      }
      scalars.removeLast(scalars.count - count)
      classes.removeLast(classes.count - count)
    }
  }
}

extension String {
  /// In Unicode's composed form (NFC).
  var composed: String {
    String(decoding: UnicodeForm.nfc.apply(to: Array(utf8)), as: UTF8.self)
  }
}

/// The character at `position` of valid UTF-8.
@inline(__always)
func decodeScalar(
  _ text: UnsafeBufferPointer<UInt8>, at position: Int
) -> (scalar: UInt32, width: Int) {
  let first = UInt32(text[position])
  if first < 0x80 { return (first, 1) }
  let width = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
  var scalar = first & (0xFF >> UInt32(width + 1))
  for offset in 1..<width where position + offset < text.count {
    scalar = scalar << 6 | UInt32(text[position + offset]) & 0x3F
  }
  return (scalar, width)
}

@inline(__always)
func appendUTF8(_ scalar: UInt32, to output: inout [UInt8]) {
  if scalar < 0x80 {
    output.append(UInt8(truncatingIfNeeded: scalar))
    return
  }
  if scalar < 0x800 {
    output.append(UInt8(truncatingIfNeeded: 0xC0 | scalar >> 6))
  } else {
    if scalar < 0x10000 {
      output.append(UInt8(truncatingIfNeeded: 0xE0 | scalar >> 12))
    } else {
      output.append(UInt8(truncatingIfNeeded: 0xF0 | scalar >> 18))
      output.append(UInt8(truncatingIfNeeded: 0x80 | scalar >> 12 & 0x3F))
    }
    output.append(UInt8(truncatingIfNeeded: 0x80 | scalar >> 6 & 0x3F))
  }
  output.append(UInt8(truncatingIfNeeded: 0x80 | scalar & 0x3F))
}
