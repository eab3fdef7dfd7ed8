// What a checkpointer section says of files: their names, also from torchtune's short form for many
// numbered ones, how they name tensors, and in which format a run writes them.
import Configuration
import Essentials

extension Section {
  /// How the checkpointer's files name tensors.
  package var checkpointNaming: CheckpointNaming { choice(CheckpointerChoice.self).naming }

  /// The format that the checkpointer writes.
  package var weightFormat: WeightFormat {
    guard checkpointNaming == .huggingFace else { return .torch }
    return self[Keys.Checkpointer.writesSafetensors] ? .safetensors : .torch
  }

  /// The files of a checkpointer section, in the order of their names, as shards are numbered; nil where they
  /// are left to be found.
  package func checkpointFiles() -> [String]? {
    let names: Section
    switch self[Keys.Checkpointer.files] {
    case nil: return nil
    case .named(let files): return files.sorted()
    case .numbered(let section): names = section
    }
    let count = names[Keys.Checkpointer.FileNames.count]
    return (1...max(1, Int(count) ?? 1)).map { number in
      let digits = String(number)
      let padded = String(repeating: "0", count: max(0, count.count - digits.count)) + digits
      return names[Keys.Checkpointer.FileNames.format].fillingBraces(with: [padded, count])
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
