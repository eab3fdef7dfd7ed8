// The names of a checkpointer's files, also from torchtune's short form for many numbered ones.

extension Section {
  /// The files of a checkpointer section, in order.
  package func checkpointFiles() -> [String] {
    guard let names = sections["checkpoint_files"] else { return strings("checkpoint_files") }
    let count = names.string("max_filename")
    return (1...max(1, Int(count) ?? 1)).map { number in
      let digits = String(number)
      let padded = String(repeating: "0", count: max(0, count.count - digits.count)) + digits
      return names.string("filename_format").fillingBraces(with: [padded, count])
    }
  }
}

extension String {
  /// The positions of `{}` and `{name}`.
  var braces: [Range<Index>] {
    var found: [Range<Index>] = []
    var rest = self[...]
    while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
      found.append(open..<index(after: close))
      rest = rest[index(after: close)...]
    }
    return found
  }

  fileprivate func fillingBraces(with texts: [String]) -> String {
    var filled = self
    for (range, text) in zip(braces, texts).reversed() { filled.replaceSubrange(range, with: text) }
    return filled
  }
}
