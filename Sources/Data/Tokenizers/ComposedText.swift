// Unicode's composed form (NFC), which some tokenizers ask for before text is split.
import Foundation

extension String {
  /// In the composed form. Foundation drops U+11A7 behind a Hangul syllable, as if it were a final
  /// consonant; it composes with nothing, so the text around it is composed on its own.
  var composed: String {
    let outsider: Unicode.Scalar = "\u{11A7}"
    guard unicodeScalars.contains(outsider) else { return precomposedStringWithCanonicalMapping }
    var result = ""
    let parts = unicodeScalars.split(separator: outsider, omittingEmptySubsequences: false)
    for (position, part) in parts.enumerated() {
      if position > 0 { result.unicodeScalars.append(outsider) }
      result.unicodeScalars += String(part).precomposedStringWithCanonicalMapping.unicodeScalars
    }
    return result
  }
}
