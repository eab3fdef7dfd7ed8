// Files of a local dataset folder: which kind each is and to which split it belongs, by its name.
import Essentials
import Foundation

enum DataFolder {
  private static let splitNames = ["train", "validation", "test"]

  static func kind(of file: String) -> DataSource.Kind? {
    switch (file as NSString).pathExtension.lowercased() {
    case "json", "jsonl", "ndjson": .json
    case "txt", "text", "md": .text
    default: nil
    }
  }

  /// A file whose name has a split's name in it belongs to that split, any other to `train`.
  static func files(in folder: String) throws -> [String: [String]] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    var files: [String: [String]] = [:]
    for name in names.sorted() where kind(of: name) != nil && !name.hasPrefix(".") {
      let words = name.lowercased().split { !$0.isLetter }
      let split = splitNames.first { words.contains(Substring($0)) } ?? "train"
      files[split, default: []].append((folder as NSString).appendingPathComponent(name))
    }
    if files.isEmpty {
      throw TuneError(
        .data, "the folder has no .json, .jsonl or .txt files",
        remedy: "Name the files with data_files.", at: .init(file: folder, key: "source"))
    }
    return files
  }

  /// The files that a path or a pattern with `*`, `?` or `[...]` names, in order.
  static func expand(_ path: String) throws -> [String] {
    if FileManager.default.fileExists(atPath: path) { return [path] }
    var found = glob_t()
    defer { globfree(&found) }
    guard glob(path, 0, nil, &found) == 0, let paths = found.gl_pathv else { return [] }
    return (0..<Int(found.gl_pathc)).compactMap { paths[$0].map { String(cString: $0) } }
  }
}
