// How plain text falls into records: by line, by paragraph (an empty line between), or whole, as
// Hugging Face's text loader has it.

enum TextRecords {
  /// The ranges of the lines without their line breaks (\n, \r\n or \r), numbered from 1.
  static func forEachLine(
    of bytes: UnsafeRawBufferPointer, _ body: (Range<Int>, Int) throws -> Void
  ) rethrows {
    try forEachLine(of: bytes, keepLinebreaks: false, body)
  }

  static func forEach(
    _ unit: DataSource.SampleBy, keepLinebreaks: Bool, of bytes: UnsafeRawBufferPointer,
    _ body: (Range<Int>, Int) throws -> Void
  ) rethrows {
    switch unit {
    case .line: try forEachLine(of: bytes, keepLinebreaks: keepLinebreaks, body)
    case .paragraph: try forEachParagraph(of: bytes, body)
    case .document: if !bytes.isEmpty { try body(0..<bytes.count, 1) }
    }
  }

  private static func forEachLine(
    of bytes: UnsafeRawBufferPointer, keepLinebreaks: Bool,
    _ body: (Range<Int>, Int) throws -> Void
  ) rethrows {
    var (start, line) = (0, 1)
    while start < bytes.count {
      let end = bytes[start...].firstIndex { $0 == 0x0A || $0 == 0x0D } ?? bytes.count
      var next = min(end + 1, bytes.count)
      if end < bytes.count, bytes[end] == 0x0D, next < bytes.count, bytes[next] == 0x0A {
        next += 1
      }
      try body(start..<(keepLinebreaks ? next : end), line)
      start = next
      line += 1
    }
  }

  private static func forEachParagraph(
    of bytes: UnsafeRawBufferPointer, _ body: (Range<Int>, Int) throws -> Void
  ) rethrows {
    var open: (range: Range<Int>, line: Int)?
    try forEachLine(of: bytes) { range, line in
      if !range.isEmpty {
        open = ((open?.range.lowerBound ?? range.lowerBound)..<range.upperBound, open?.line ?? line)
      } else if let paragraph = open {
        open = nil
        try body(paragraph.range, paragraph.line)
      }
    }
    if let open { try body(open.range, open.line) }
  }

  /// Line breaks of every system as \n.
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
