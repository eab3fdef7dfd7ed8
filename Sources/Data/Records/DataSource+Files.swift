// From the words of a source to its files: a kind and its data files, a file, a folder, or a folder
// that holds a dataset of the hub with its card.
import Essentials
import Foundation

extension DataSource {
  private static let unread: Set<String> = [
    "arrow", "pandas", "webdataset", "imagefolder", "audiofolder", "videofolder", "xml", "hdf5",
  ]

  /// - Throws: `TuneError` for what is not there or not supported.
  func dataFilesBySplit() throws -> DataFiles {
    if let kind = Kind(rawValue: source) { return try files(of: kind) }
    if Self.unread.contains(source) {
      throw TuneError(
        .unsupported, "the source '\(source)' is not supported",
        remedy:
          "Convert the data to JSON lines or Parquet, and set \(Setting.source) to json or parquet.",
        at: .init(.source))
    }
    var isFolder: ObjCBool = false
    let place = resolvedFolder ?? source
    guard FileManager.default.fileExists(atPath: place, isDirectory: &isFolder) else {
      throw TuneError(
        .configuration,
        "'\(source)' is neither a local file or folder nor a downloaded dataset",
        remedy: "Correct the path or the dataset's name; for data of your own set "
          + "\(Setting.source) to json and \(Setting.dataFiles) to PATH.", at: .init(.source))
    }
    if !isFolder.boolValue {
      let paths = dataFiles.isEmpty ? ["train": [place]] : try expand(dataFiles, in: "")
      return DataFiles(kind: try commonKind(of: paths), bySplit: paths, source: self)
    }
    return try files(inFolder: place)
  }

  private func files(of kind: Kind) throws -> DataFiles {
    if !dataFiles.isEmpty {
      let paths = try expand(dataFiles, in: dataDir ?? "")
      return DataFiles(kind: kind, bySplit: paths, source: self)
    }
    guard let dataDir else {
      throw TuneError(
        .configuration, "the source '\(source)' needs \(Setting.dataFiles)",
        remedy: "Set \(Setting.dataFiles) to a path, or a list of paths.", at: .init(.dataFiles))
    }
    return try files(listedIn: dataDir, only: kind)
  }

  private func files(inFolder folder: String) throws -> DataFiles {
    func below(_ name: String?) -> String {
      name.map { (folder as NSString).appendingPathComponent($0) } ?? folder
    }
    if !dataFiles.isEmpty {
      let paths = try expand(present(dataFiles), in: below(dataDir))
      return DataFiles(kind: try commonKind(of: paths), bySplit: paths, source: self)
    }
    let card = try DatasetCard(folder: folder)
    if dataDir == nil, let configuration = try card.configuration(named: name) {
      var completed = self
      completed.delimiter = delimiter ?? configuration.delimiter
      let place = below(configuration.dataDir)
      guard let listed = configuration.dataFiles else {
        return try completed.files(listedIn: place, only: nil)
      }
      let paths = try expand(present(listed), in: place)
      return DataFiles(kind: try commonKind(of: paths), bySplit: paths, source: completed)
    }
    if let name, dataDir == nil, name != "default" {
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: below(name), isDirectory: &isFolder),
        isFolder.boolValue
      else {
        throw TuneError(
          .configuration, "the dataset has no configuration '\(name)'",
          remedy: "Remove \(Setting.name): its README.md lists no configurations.",
          at: .init(.name))
      }
      return try files(listedIn: below(name), only: nil)
    }
    return try files(listedIn: below(dataDir), only: nil)
  }

  /// Of a dataset of the hub only the files that are wanted have been fetched.
  private func present(_ files: [String: [String]]) throws -> [String: [String]] {
    resolvedFolder == nil ? files : try wanted(files)
  }

  /// The files of the splits that are to be read.
  /// - Throws: `TuneError` when there is no such split.
  private func wanted(_ files: [String: [String]]) throws -> [String: [String]] {
    let names = Set(try SplitSelection(split).parts.map(\.name))
    if let other = names.filter({ files[$0] == nil }).min() {
      throw DataFiles.unknownSplit(other, known: files.keys)
    }
    return files.filter { names.contains($0.key) }
  }

  private func files(listedIn folder: String, only wanted: Kind?) throws -> DataFiles {
    let names = try DataFolder.listing(of: folder)
    let splits = DataFolder.splits(of: names)
    var counts: [Kind: Int] = [:]
    for name in splits.values.joined() {
      if let kind = DataFolder.kind(of: name) { counts[kind, default: 0] += 1 }
    }
    let preference: [Kind] = [.parquet, .json, .csv, .text]
    let most = preference.max { (counts[$0] ?? 0, 0) < (counts[$1] ?? 0, 0) }
    let kind = wanted ?? preference.first { counts[$0] == counts[most ?? .json] } ?? .json
    // Files of another kind are left out, as in the reference.
    let files = splits.mapValues { names in
      names.filter { DataFolder.kind(of: $0) == kind }
        .map { (folder as NSString).appendingPathComponent($0) }
    }.filter { !$0.value.isEmpty }
    if files.isEmpty {
      throw TuneError(
        .data, "the folder has no \(wanted?.rawValue ?? "json, csv, parquet or text") files",
        remedy: names.contains { $0.hasSuffix(".arrow") }
          ? "Arrow files are not read: write the dataset anew with its method to_parquet."
          : "Name the files with \(Setting.dataFiles).", at: .init(file: folder, .source))
    }
    return DataFiles(kind: kind, bySplit: files, source: self)
  }

  private func commonKind(of files: [String: [String]]) throws -> Kind {
    let kinds = try files.values.joined().sorted().map { file -> Kind in
      guard let kind = DataFolder.kind(of: file) else {
        throw TuneError(
          .unsupported, "cannot tell from its name what the file holds",
          remedy: "Use a .json, .jsonl, .csv, .parquet or .txt file, or set "
            + "\(Setting.source) to json, csv, "
            + "parquet or text.", at: .init(file: file, .source))
      }
      return kind
    }
    guard let first = kinds.first, kinds.allSatisfy({ $0 == first }) else {
      throw TuneError(
        .configuration, "files of several kinds cannot be mixed in one dataset",
        remedy: "Name files of one kind with \(Setting.dataFiles).", at: .init(.source))
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
            remedy: "Download it and name the local path.", at: .init(.dataFiles))
        }
        let isRelative = !path.hasPrefix("/") && !folder.isEmpty
        let full = isRelative ? (folder as NSString).appendingPathComponent(path) : path
        let found = try DataFolder.expand(full)
        if found.isEmpty {
          throw TuneError(
            .missingFile, "no such data file", remedy: "Check \(Setting.dataFiles).",
            at: .init(file: full, .dataFiles))
        }
        return found
      }
    }
  }
}

extension DataSource {
  /// The dataset of the Hugging Face Hub that this source means; nil for kinds of files and for what
  /// is on this machine.
  package var hubRepository: String? {
    guard Kind(rawValue: source) == nil, !Self.unread.contains(source), resolvedFolder == nil,
      !FileManager.default.fileExists(atPath: source),
      source.wholeMatch(of: #/[\w][\w.\-]*(?:/[\w][\w.\-]*)?/#) != nil,
      DataFolder.kind(of: source) == nil
    else { return nil }
    return source
  }

  /// Whether the source is one file of this machine.
  package var isFile: Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: source, isDirectory: &isFolder)
      && !isFolder.boolValue
  }

  /// Which files of the hub's dataset are needed, as patterns whose `*` matches slashes too.
  /// - Parameter card: the text of its README.md; nil when it has none.
  /// - Throws: `TuneError` for a broken card, a configuration that it does not list, or a split.
  package func hubPatterns(card: String?) throws -> [String] {
    func below(_ folder: String?, _ patterns: [String]) -> [String] {
      guard let folder, !folder.isEmpty, folder != "." else { return patterns }
      return patterns.map { "\(folder)/\($0)" }
    }
    let kinds = DataFolder.extensions.values.joined().sorted()
    let all = kinds.flatMap { kind in
      ["*.\(kind)"] + DataFolder.packedExtensions.map { "*.\(kind).\($0)" }
    }
    if !dataFiles.isEmpty { return below(dataDir, try wanted(dataFiles).values.joined().sorted()) }
    if dataDir != nil { return below(dataDir, all) }
    let parsed = try DatasetCard(text: card ?? "", file: "\(source)/README.md")
    guard let configuration = try parsed.configuration(named: name) else {
      return all
    }
    let listed = try configuration.dataFiles.map { try wanted($0).values.joined().sorted() } ?? all
    return below(configuration.dataDir, listed)
  }
}
