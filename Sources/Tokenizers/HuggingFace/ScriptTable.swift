// Cuts text where the script changes. PCRE2 knows each character's script; what was found for a
// character is remembered.
import Essentials
import Synchronization

final class ScriptTable: Sendable {
  /// 0 where any script is fine: a space, and characters that have none.
  private typealias Script = UInt8
  private struct Known {
    var scripts: [UInt32: Script] = [:]
    var expressions: [(script: Script, expression: RegularExpression)] = []
  }
  private let known = Mutex(Known())

  /// Those of texts in most languages come first, because they are tried in this order. Chinese and
  /// both Japanese syllabaries count as one.
  static let names: [[String]] = [
    ["Latin"], ["Common"], ["Inherited"], ["Han", "Hiragana", "Katakana"],
    ["Cyrillic"], ["Arabic"], ["Devanagari"], ["Greek"], ["Hebrew"], ["Thai"], ["Hangul"],
    ["Bengali"], ["Tamil"], ["Telugu"], ["Armenian"], ["Georgian"],
  ]

  func apply(to pieces: inout Pieces) throws {
    try known.withLock { known in
      try pieces.split(.removed) { piece, spans in
        var (start, position): (Int?, Int) = (nil, 0)
        var last: Script = 0
        while position < piece.count {
          let (scalar, width) = decodeScalar(piece, at: position)
          let script = try Self.script(of: scalar, &known)
          if script != 0, script != last {
            // Spaces before the first script are left out, as the library leaves them out.
            if let start { spans.append(.init(range: start..<position, isMatch: false)) }
            (start, last) = (position, script)
          }
          position += width
        }
        if let start { spans.append(.init(range: start..<piece.count, isMatch: false)) }
      }
    }
  }

  private static func script(of scalar: UInt32, _ known: inout Known) throws -> Script {
    if scalar == 0x20 { return 0 }
    if let script = known.scripts[scalar] { return script }
    if known.expressions.isEmpty { known.expressions = try expressions() }
    var found: Script = 0
    // The library's table is of Unicode 9.
    if let age = Unicode.Scalar(scalar)?.properties.age, age.major <= 9 {
      var text: [UInt8] = []
      appendUTF8(stand(for: scalar), to: &text)
      found =
        try text.withUnsafeBufferPointer { text in
          try known.expressions.first { _, expression in
            var isMatch = false
            try expression.withMatcher { try $0.forEachMatch(in: text) { _, _ in isMatch = true } }
            return isMatch
          }
        }?.script ?? 0
    }
    if known.scripts.count > 1 << 16 { known.scripts = [:] }
    known.scripts[scalar] = found
    return found
  }

  /// Another character of the script that a few are counted to: the prolonged sound mark of both
  /// Japanese syllabaries, and signs that other versions of Unicode class differently.
  private static func stand(for scalar: UInt32) -> UInt32 {
    switch scalar {
    case 0x30FC: 0x30A2
    case 0x589, 0x61C: 0x21
    case 0x953, 0x954: 0x904
    default: scalar
    }
  }

  static let otherNames =
    """
    Adlam Ahom AnatolianHieroglyphs Avestan Balinese Bamum BassaVah Batak Bhaiksuki Bopomofo \
    Brahmi Braille Buginese Buhid CanadianAboriginal Carian CaucasianAlbanian Chakma Cham \
    Cherokee Coptic Cuneiform Cypriot Deseret Duployan EgyptianHieroglyphs Elbasan Ethiopic \
    Glagolitic Gothic Grantha Gujarati Gurmukhi Hanunoo Hatran ImperialAramaic \
    InscriptionalPahlavi InscriptionalParthian Javanese Kaithi Kannada KayahLi Kharoshthi \
    Khmer Khojki Khudawadi Lao Lepcha Limbu LinearA LinearB Lisu Lycian Lydian Mahajani \
    Malayalam Mandaic Manichaean Marchen MeeteiMayek MendeKikakui MeroiticCursive \
    MeroiticHieroglyphs Miao Modi Mongolian Mro Multani Myanmar Nabataean NewTaiLue Newa Nko \
    Ogham OlChiki OldHungarian OldItalic OldNorthArabian OldPermic OldPersian \
    OldSouthArabian OldTurkic Oriya Osage Osmanya PahawhHmong Palmyrene PauCinHau PhagsPa \
    Phoenician PsalterPahlavi Rejang Runic Samaritan Saurashtra Sharada Shavian Siddham \
    SignWriting Sinhala SoraSompeng Sundanese SylotiNagri Syriac Tagalog Tagbanwa TaiLe \
    TaiTham TaiViet Takri Tangut Thaana Tibetan Tifinagh Tirhuta Ugaritic Vai WarangCiti Yi
    """

  private static func expressions() throws -> [(script: Script, expression: RegularExpression)] {
    let all = names + otherNames.split(separator: " ").map { [String($0)] }
    return try all.enumerated().map { position, names in
      let list = names.map { "\\p{sc:\($0)}" }.joined()
      return (Script(position + 1), try RegularExpression(pattern: "[\(list)]"))
    }
  }
}
