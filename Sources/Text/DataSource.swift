// Where records come from, in torchtune's words: `source` is a kind of file (json, text) with
// `data_files`, or a local file or folder. Data sets of the Hugging Face Hub are refused with the
// remedy: nothing is downloaded here.
import Essentials
import Foundation

package struct DataSource: Sendable, Equatable {
  /// What one record of a text file is.
  package enum SampleBy: String, Sendable, CaseIterable { case line, paragraph, document }
  package var source: String
  /// Files of each split; patterns such as `data/*.jsonl` are expanded.
  package var dataFiles: [String: [String]]
  package var split: String
  package var sampleBy: SampleBy
  package var keepLinebreaks: Bool

  package init(
    source: String, dataFiles: [String: [String]], split: String = "train",
    sampleBy: SampleBy = .line, keepLinebreaks: Bool = false
  ) {
    self.source = source
    self.dataFiles = dataFiles
    self.split = split
    self.sampleBy = sampleBy
    self.keepLinebreaks = keepLinebreaks
  }
  /// A plain list of files is the split `train`.
  package init(
    source: String, dataFiles: [String] = [], split: String = "train", sampleBy: SampleBy = .line,
    keepLinebreaks: Bool = false
  ) {
    self.init(
      source: source, dataFiles: dataFiles.isEmpty ? [:] : ["train": dataFiles], split: split,
      sampleBy: sampleBy, keepLinebreaks: keepLinebreaks)
  }

  enum Kind: Sendable { case json, text }

  /// The records that `split` selects.
  /// - Throws: `TuneError` for what is not there, not readable, not supported, or empty.
  func records() throws -> Records {
    let (kind, files) = try resolve()
    var loaded: [String: Records] = [:]
    var selected: Records?
    for part in try SplitSelection(split).parts {
      guard let paths = files[part.name] else {
        throw TuneError(
          .configuration, "there is no split '\(part.name)'",
          remedy: "Known splits: \(files.keys.sorted().joined(separator: ", ")).",
          at: .init(key: "split"))
      }
      let all = try loaded[part.name] ?? Records(paths, kind: kind, source: self)
      loaded[part.name] = all
      let chosen = all.selecting(part.range(of: all.count))
      selected = selected.map { $0.appending(chosen) } ?? chosen
    }
    guard let selected, selected.count > 0 else {
      let names = files.values.joined().sorted().joined(separator: ", ")
      throw TuneError(
        .data, "the dataset is empty: no records for split '\(split)' in \(names)",
        remedy: "Check data_files and split.", at: .init(key: "split"))
    }
    return selected
  }

  private func resolve() throws -> (Kind, [String: [String]]) {
    switch source {
    case "json", "text":
      guard !dataFiles.isEmpty else {
        throw TuneError(
          .configuration, "source '\(source)' needs data_files",
          remedy: "Add data_files: PATH, or a list of paths.", at: .init(key: "data_files"))
      }
      return (source == "json" ? .json : .text, try expand(dataFiles, in: ""))
    case "csv", "parquet", "arrow", "pandas", "webdataset", "imagefolder", "audiofolder":
      throw TuneError(
        .unsupported, "source '\(source)' is not supported",
        remedy: "Convert the data to JSON lines and use source: json.", at: .init(key: "source"))
    default: return try resolveLocal()
    }
  }

  private func resolveLocal() throws -> (Kind, [String: [String]]) {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: source, isDirectory: &isFolder) else {
      throw TuneError(
        .configuration,
        "'\(source)' is no local file or folder, and datasets of the Hugging Face Hub are not "
          + "downloaded here",
        remedy: "Save the dataset as JSON or JSON lines, then set source: json and "
          + "data_files: PATH.", at: .init(key: "source"))
    }
    let files: [String: [String]]
    if !dataFiles.isEmpty {
      files = try expand(dataFiles, in: isFolder.boolValue ? source : "")
    } else {
      files = isFolder.boolValue ? try DataFolder.files(in: source) : ["train": [source]]
    }
    return (try kind(of: files.values.joined().sorted()), files)
  }

  private func kind(of files: [String]) throws -> Kind {
    let kinds = try files.map { file -> Kind in
      guard let kind = DataFolder.kind(of: file) else {
        throw TuneError(
          .unsupported, "cannot tell from its name what the file holds",
          remedy: "Use a .json, .jsonl or .txt file, or set source: json or source: text.",
          at: .init(file: file, key: "source"))
      }
      return kind
    }
    guard let first = kinds.first, kinds.allSatisfy({ $0 == first }) else {
      throw TuneError(
        .configuration, "JSON and text files cannot be mixed in one dataset",
        remedy: "Name the files with data_files.", at: .init(key: "source"))
    }
    return first
  }

  private func expand(
    _ files: [String: [String]], in folder: String
  ) throws -> [String: [String]] {
    try files.mapValues { paths in
      try paths.flatMap { path -> [String] in
        if path.contains("://") {
          throw TuneError(
            .unsupported, "'\(path)' is not a local file",
            remedy: "Download it and name the local path.", at: .init(key: "data_files"))
        }
        let isRelative = !path.hasPrefix("/") && !folder.isEmpty
        let full = isRelative ? (folder as NSString).appendingPathComponent(path) : path
        let found = try DataFolder.expand(full)
        if found.isEmpty {
          throw TuneError(
            .missingFile, "no such data file", remedy: "Check data_files.",
            at: .init(file: full, key: "data_files"))
        }
        return found
      }
    }
  }
}
