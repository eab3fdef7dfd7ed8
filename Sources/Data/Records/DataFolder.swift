// The files of a dataset's folder: which kind each is and to which split it belongs, by its name, as
// Hugging Face's `datasets` decides it.
import Essentials
import Foundation

/// The files of a dataset, all of one kind.
struct DataFiles {
  let kind: DataSource.Kind
  let bySplit: [String: [String]]
  /// The source as the dataset's card completes it.
  let source: DataSource

  /// - Throws: `TuneError` when there is no such split.
  func paths(of split: String) throws -> [String] {
    guard let paths = bySplit[split] else {
      throw Self.unknownSplit(split, known: bySplit.keys)
    }
    return paths
  }

  static func unknownSplit(_ split: String, known: some Sequence<String>) -> TuneError {
    TuneError(
      .configuration, "unknown split '\(split)'",
      remedy: "Known splits: \(known.sorted().joined(separator: ", ")).", at: .init(.split))
  }
}

enum DataFolder {
  static let extensions: [DataSource.Kind: [String]] = [
    .json: ["json", "jsonl", "ndjson"], .text: ["txt"], .csv: ["csv", "tsv"],
    .parquet: ["parquet"],
  ]
  static let packedExtensions = ["gz", "zst"]
  /// Files that describe a dataset and are none of its data.
  private static let descriptions: Set<String> = [
    "README.md", "config.json", "dataset_info.json", "dataset_infos.json", "dataset_dict.json",
    "state.json",
  ]
  private static let keywords: [(split: String, words: [String])] = [
    ("train", ["train", "training"]), ("validation", ["validation", "valid", "dev", "val"]),
    ("test", ["test", "testing", "eval", "evaluation"]),
  ]

  /// The file's name in lower case, without what only says that it is packed.
  static func plainName(_ path: String) -> String {
    let name = (path as NSString).lastPathComponent.lowercased()
    return packedExtensions.contains((name as NSString).pathExtension)
      ? (name as NSString).deletingPathExtension : name
  }

  static func kind(of path: String) -> DataSource.Kind? {
    let suffix = (plainName(path) as NSString).pathExtension
    // A single text file may be called anything that says text.
    if ["text", "md"].contains(suffix) { return .text }
    return extensions.first { $0.value.contains(suffix) }?.key
  }

  /// All data files under a folder, as paths relative to it, in order.
  static func listing(of folder: String) throws -> [String] {
    // A link to a folder is that folder; links inside it are taken for files only.
    let real = URL(fileURLWithPath: folder).resolvingSymlinksInPath().path
    let names = (try? FileManager.default.subpathsOfDirectory(atPath: real)) ?? []
    return names.filter { name in
      let parts = name.split(separator: "/")
      let isHidden = parts.contains { $0.hasPrefix(".") || $0.hasPrefix("__") }
      guard !isHidden, let last = parts.last, !descriptions.contains(String(last)) else {
        return false
      }
      var isFolder: ObjCBool = false
      let path = (folder as NSString).appendingPathComponent(name)
      return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        && !isFolder.boolValue
    }.sorted()
  }

  /// The files of each split. The first of these that finds any decides: shards in `data/`; folders
  /// named for splits; files named for splits; else all is `train`.
  static func splits(of names: [String]) -> [String: [String]] {
    let shards = names.compactMap { name in shardSplit(name).map { ($0, name) } }
    if !shards.isEmpty { return Dictionary(grouping: shards, by: \.0).mapValues { $0.map(\.1) } }
    for matches in [isInFolder, isNamed] {
      var found: [String: [String]] = [:]
      for (split, words) in keywords {
        let files = names.filter { name in words.contains { matches(name, $0) } }
        if !files.isEmpty { found[split] = files }
      }
      if !found.isEmpty { return found }
    }
    return names.isEmpty ? [:] : ["train": names]
  }

  /// `data/train-00000-of-00002.parquet` is a shard of `train`.
  private static func shardSplit(_ name: String) -> String? {
    name.wholeMatch(of: #/data/(\w+(?:\.\w+)*)-\d{5}-of-\d{5}[^/]*\.[^/]*/#).map { String($0.1) }
  }

  private static func isInFolder(_ name: String, _ word: String) -> Bool {
    name.split(separator: "/").dropLast().contains {
      holds(String($0), word, atStart: true, atEnd: true)
    }
  }
  private static func isNamed(_ name: String, _ word: String) -> Bool {
    holds((name as NSString).lastPathComponent, word, atStart: true, atEnd: false)
  }

  /// The word stands in the text between two of the signs `-._ 0-9`, or at an end of it.
  private static func holds(_ text: String, _ word: String, atStart: Bool, atEnd: Bool) -> Bool {
    func separates(_ character: Character) -> Bool {
      "-._ ".contains(character) || character.isASCII && character.isNumber
    }
    var rest = text[...]
    while let found = rest.firstRange(of: word) {
      let before = text[..<found.lowerBound].last
      let after = text[found.upperBound...].first
      if before.map(separates) ?? atStart, after.map(separates) ?? atEnd { return true }
      rest = rest[rest.index(after: found.lowerBound)...]
    }
    return false
  }
}
