// Which characters the components of a tokenizer.json speak of. Some of the library's tables are of
// an old Unicode version; characters that are newer are classed as it classes them.

enum CharacterClass: Sendable, Equatable {
  case numeric
  case punctuation
  case space
  case character(UInt32)

  @inline(__always)
  func contains(_ scalar: UInt32) -> Bool {
    switch self {
    case .numeric: isNumeric(scalar)
    case .punctuation: isPunctuation(scalar)
    case .space: isWhitespace(scalar)
    case .character(let character): scalar == character
    }
  }
}

/// `White_Space`.
@inline(__always)
func isWhitespace(_ scalar: UInt32) -> Bool {
  switch scalar {
  case 0x20, 0x09...0x0D: true
  case ..<0x80: false
  case 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: true
  default: false
  }
}

/// A decimal digit, a letter number or another number.
func isNumeric(_ scalar: UInt32) -> Bool {
  if scalar < 0x80 { return (0x30...0x39).contains(scalar) }
  switch category(scalar) {
  case .decimalNumber, .letterNumber, .otherNumber: return true
  default: return false
  }
}

/// An ASCII sign or punctuation of Unicode 8.
func isPunctuation(_ scalar: UInt32) -> Bool {
  switch scalar {
  case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: return true
  case ..<0x80: return false
  // Punctuation at that time.
  case 0x166D, 0x111C9: return true
  default: break
  }
  switch category(scalar) {
  case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation,
    .initialPunctuation, .finalPunctuation, .otherPunctuation:
    return isKnown(scalar, inVersion: 8)
  default: return false
  }
}

/// `\w`: letters, marks, decimal digits, connectors and the two joiners.
func isWordCharacter(_ scalar: UInt32) -> Bool {
  if scalar < 0x80 {
    return switch scalar {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F: true
    default: false
    }
  }
  if scalar == 0x200C || scalar == 0x200D { return true }
  switch category(scalar) {
  case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation:
    return true
  default: return Unicode.Scalar(scalar)?.properties.isAlphabetic ?? false
  }
}

/// A control, format or private use character of Unicode 8, other than tab and line breaks.
func isBertControl(_ scalar: UInt32) -> Bool {
  if scalar < 0x80 { return scalar < 0x20 && ![9, 10, 13].contains(scalar) || scalar == 0x7F }
  switch category(scalar) {
  case .control, .privateUse: return true
  case .format: return isKnown(scalar, inVersion: 8)
  default: return false
  }
}

/// The blocks of Chinese characters that Bert puts spaces around.
func isChineseCharacter(_ scalar: UInt32) -> Bool {
  switch scalar {
  case ..<0x3400: false
  case 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAFF, 0x20000...0x2A6DF, 0x2A700...0x2B81F,
    0x2B920...0x2CEAF, 0x2F800...0x2FA1F:
    true
  default: false
  }
}

/// A mark that takes no space of its own, of Unicode 8.
func isBertAccent(_ scalar: UInt32) -> Bool {
  switch scalar {
  case ..<0x300: return false
  // Classed differently at that time.
  case 0x1734, 0x1171E: return true
  case 0x1885, 0x1886, 0xA9BD, 0x111C9: return false
  default: return category(scalar) == .nonspacingMark && isKnown(scalar, inVersion: 8)
  }
}

/// Any mark of Unicode 9.
func isMark(_ scalar: UInt32) -> Bool {
  if scalar < 0x300 { return false }
  switch category(scalar) {
  case .nonspacingMark, .spacingMark, .enclosingMark: return isKnown(scalar, inVersion: 9)
  // Marks at that time.
  default: return scalar == 0x1CF2 || scalar == 0x1CF3
  }
}

private func category(_ scalar: UInt32) -> Unicode.GeneralCategory {
  Unicode.Scalar(scalar)?.properties.generalCategory ?? .unassigned
}

private func isKnown(_ scalar: UInt32, inVersion major: Int) -> Bool {
  guard let age = Unicode.Scalar(scalar)?.properties.age else { return false }
  return age.major <= major
}
