// What Python counts as a space: the reference splits and strips texts by it.

/// What Python's `str.isspace`, `str.strip` and `\s` take for a space.
package func isPythonSpace(_ scalar: UInt32) -> Bool {
  switch scalar {
  case 0x20, 0x09...0x0D, 0x1C...0x1F, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F,
    0x205F, 0x3000:
    true
  default: false
  }
}

extension Unicode.Scalar {
  package var isPythonSpace: Bool { Essentials.isPythonSpace(value) }
}

extension String {
  /// Without the spaces at both ends, as Python's `str.strip` removes them.
  package var strippedLikePython: String {
    let scalars = unicodeScalars
    guard let first = scalars.firstIndex(where: { !isPythonSpace($0.value) }),
      let last = scalars.lastIndex(where: { !isPythonSpace($0.value) })
    else { return "" }
    return String(scalars[first...last])
  }
}
