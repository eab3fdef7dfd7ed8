// Which bytes of a text each of its tokens stands for. The tokens' own bytes are laid along the text;
// where a normalizer changed it, they do not fit, and places are found by encoding the text up to
// them instead.
import Essentials

/// What of a tokenizer.json decides about offsets.
struct TokenOffsets: Sendable {
  /// Tokens are spelled in the byte alphabet.
  private let isByteLevel: Bool
  /// The post-processor takes the spaces at both ends of a token out of its offsets.
  private let trimsSpaces: Bool
  private static let sign: [UInt8] = [0xE2, 0x96, 0x81]

  init(_ root: JSON) {
    func components(_ json: JSON?, depth: Int = 0) -> [JSON] {
      guard let json, depth < 20 else { return [] }
      let inner = ["decoders", "processors", "pretokenizers"].flatMap { json[$0]?.array ?? [] }
      return [json] + inner.flatMap { components($0, depth: depth + 1) }
    }
    isByteLevel = components(root["decoder"]).contains { $0["type"] == "ByteLevel" }
    trimsSpaces = components(root["post_processor"]).contains {
      ["ByteLevel", "RobertaProcessing"].contains($0["type"]?.string)
        && $0["trim_offsets"] != .bool(false)
    }
  }

  /// The bytes of the text that a token's spelling stands for.
  func surface(_ token: some Collection<UInt8>) -> [UInt8] {
    if isByteLevel {
      return ByteAlphabet.decode(utf8: Array(token)) ?? Array(token)
    }
    let bytes = Array(token)
    if bytes.count == 6, bytes.starts(with: "<0x".utf8), bytes[5] == UInt8(ascii: ">"),
      let byte = UInt8(String(decoding: bytes[3..<5], as: UTF8.self), radix: 16)
    {
      return [byte]
    }
    var (result, position): ([UInt8], Int) = ([], 0)
    while position < bytes.count {
      if bytes[position...].starts(with: Self.sign) {
        result.append(0x20)
        position += 3
      } else {
        result.append(bytes[position])
        position += 1
      }
    }
    return result
  }

  /// The byte range of each token, or nil where the text was changed before it was cut.
  /// - Parameter surfaces: each token's bytes, and whether it is an added token, which may have taken
  ///   the spaces beside it.
  func ranges(
    of surfaces: [(bytes: [UInt8], isAdded: Bool)], in text: [UInt8]
  ) -> [Range<Int>]? {
    var ranges: [Range<Int>] = []
    ranges.reserveCapacity(surfaces.count)
    var position = 0
    var followsAdded = false
    for (bytes, isAdded) in surfaces {
      var (start, taken) = (position, bytes[...])
      if !text[start...].starts(with: taken) {
        // A space that was put before the text or a word.
        if !isAdded, taken.first == 0x20, text[start...].starts(with: taken.dropFirst()) {
          taken = taken.dropFirst()
        } else if isAdded || followsAdded {
          while start < text.count, [0x20, 0x0A, 0x0D, 0x09].contains(text[start]) { start += 1 }
          if !text[start...].starts(with: taken) { return nil }
        } else {
          return nil
        }
      }
      var (low, high) = (start, start + taken.count)
      position = high
      followsAdded = isAdded
      if trimsSpaces, !isAdded {
        while low < high, text[low] == 0x20 { low += 1 }
        while high > low, text[high - 1] == 0x20 { high -= 1 }
      }
      ranges.append(low..<high)
    }
    // A last added token may have taken the spaces behind it.
    let rest = text[position...].allSatisfy { [0x20, 0x0A, 0x0D, 0x09].contains($0) }
    return position == text.count || followsAdded && rest ? ranges : nil
  }
}
