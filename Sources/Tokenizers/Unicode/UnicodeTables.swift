// What normalization needs to know of each character: its decompositions, its combining class and
// the pairs that compose. Made once, when the first text that is not ASCII asks for it, from the
// standard library's properties and Foundation's decompositions of single characters.
import Foundation

/// The arithmetic of Hangul syllables (The Unicode Standard, section 3.12).
enum Hangul {
  static let firstSyllable: UInt32 = 0xAC00
  static let syllableCount: UInt32 = 11172
  static let firstLead: UInt32 = 0x1100
  static let leadCount: UInt32 = 19
  static let firstVowel: UInt32 = 0x1161
  static let vowelCount: UInt32 = 21
  /// One before the first final consonant.
  static let noTail: UInt32 = 0x11A7
  static let tailCount: UInt32 = 28
  static let vowelsTimesTails = vowelCount * tailCount
}

struct UnicodeTables: Sendable {
  static let current = UnicodeTables(upTo: .max)
  /// Without the characters that came after Unicode 9, which stay as they are.
  static let version9 = UnicodeTables(upTo: 9)

  /// Where each character's decomposition lies: the start in the high bits, its length in the low
  /// five; 0 where it has none. Indexed by scalar, up to `limit`.
  private var canonical = [UInt32](repeating: 0, count: Int(Self.limit))
  private var compatible = [UInt32](repeating: 0, count: Int(Self.limit))
  private var classes = [UInt8](repeating: 0, count: Int(Self.limit))
  private var parts: [UInt32] = []
  private var pairs: [UInt64: UInt32] = [:]
  /// Whether some pair ends with this character.
  private var isSecond = [Bool](repeating: false, count: Int(Self.limit))

  /// No character from here on decomposes or is a combining mark.
  private static let limit: UInt32 = 0x2FA20
  /// Where characters that decompose lie; Hangul syllables are arithmetic.
  private static let ranges: [Range<UInt32>] = [
    0xA0..<0x3400, 0xA000..<0xAC00, 0xF900..<0x1_0000, 0x1_0000..<0x1_3500, 0x1_6000..<0x1_7000,
    0x1_BC00..<0x1_BD00, 0x1_D000..<0x1_FC00, 0x2_F800..<limit,
  ]

  private init(upTo version: Int) {
    for range in Self.ranges {
      for value in range {
        guard let scalar = Unicode.Scalar(value) else { continue }
        let properties = scalar.properties
        guard let age = properties.age, age.major <= version else { continue }
        classes[Int(value)] = properties.canonicalCombiningClass.rawValue
        let text = String(Character(scalar))
        let full = text.decomposedStringWithCompatibilityMapping
        // Every canonical decomposition is part of the compatible one.
        if full.unicodeScalars.elementsEqual(CollectionOfOne(scalar)) { continue }
        let plain = text.decomposedStringWithCanonicalMapping
        canonical[Int(value)] = add(plain, unless: scalar)
        compatible[Int(value)] = add(full, unless: scalar)
      }
    }
    addPairs()
  }

  private mutating func add(_ text: String, unless scalar: Unicode.Scalar) -> UInt32 {
    let values = text.unicodeScalars.map(\.value)
    if values == [scalar.value] || values.count > 31 { return 0 }
    let start = UInt32(parts.count)
    parts += values
    return start << 5 | UInt32(values.count)
  }

  /// A character composes from its last part and the character that the parts before it make up.
  private mutating func addPairs() {
    var composed: [[UInt32]: UInt32] = [:]
    for value in Self.ranges.joined() where canonical[Int(value)] != 0 {
      if Unicode.Scalar(value)?.properties.isFullCompositionExclusion == false {
        composed[Array(slice(canonical[Int(value)]))] = value
      }
    }
    for (whole, value) in composed {
      guard let last = whole.last, let first = whole.first, whole.count > 1 else { continue }
      let prefix = whole.count == 2 ? first : composed[Array(whole.dropLast())]
      guard let prefix else { continue }
      pairs[UInt64(prefix) << 32 | UInt64(last)] = value
      isSecond[Int(last)] = true
    }
  }

  @inline(__always)
  private func slice(_ place: UInt32) -> ArraySlice<UInt32> {
    let start = Int(place >> 5)
    return parts[start..<start + Int(place & 31)]
  }

  @inline(__always)
  func decomposition(of scalar: UInt32, compatible isCompatible: Bool) -> ArraySlice<UInt32>? {
    guard scalar < Self.limit else { return nil }
    let place = isCompatible ? compatible[Int(scalar)] : canonical[Int(scalar)]
    return place == 0 ? nil : slice(place)
  }

  @inline(__always)
  func combiningClass(of scalar: UInt32) -> UInt8 {
    scalar < Self.limit ? classes[Int(scalar)] : 0
  }

  /// What two characters in a row compose to.
  func composition(_ first: UInt32, _ second: UInt32) -> UInt32? {
    let lead = first &- Hangul.firstLead
    let vowel = second &- Hangul.firstVowel
    if lead < Hangul.leadCount, vowel < Hangul.vowelCount {
      return Hangul.firstSyllable + (lead * Hangul.vowelCount + vowel) * Hangul.tailCount
    }
    let syllable = first &- Hangul.firstSyllable
    let tail = second &- Hangul.noTail
    if syllable < Hangul.syllableCount, syllable % Hangul.tailCount == 0, tail > 0,
      tail < Hangul.tailCount
    {
      return first + tail
    }
    guard second < Self.limit, isSecond[Int(second)] else { return nil }
    return pairs[UInt64(first) << 32 | UInt64(second)]
  }
}
