// Text as Hugging Face's text loader gives it: line breaks of every system as \n.

enum TextRecords {
  static func withUniversalNewlines(_ text: String) -> String {
    guard text.utf8.contains(0x0D) else { return text }
    var converted: [UInt8] = []
    var previous: UInt8 = 0
    for byte in text.utf8 {
      if byte == 0x0D {
        converted.append(0x0A)
      } else if !(byte == 0x0A && previous == 0x0D) {
        converted.append(byte)
      }
      previous = byte
    }
    return String(decoding: converted, as: UTF8.self)
  }
}
