// Where records come from, in the words of torchtune and of Hugging Face's `load_dataset`: `source`
// is a kind of file (json, text, csv, parquet) with `data_files`, a local file or folder, or a
// dataset of the Hugging Face Hub. Nothing is fetched here: who fetches a hub's dataset sets
// `resolvedFolder`.
import Essentials
import Foundation

package struct DataSource: Sendable, Equatable {
  /// What one record of a text file is.
  package enum SampleBy: String, Sendable, CaseIterable { case line, paragraph, document }
  package var source: String
  /// Files of each split; patterns such as `data/*.jsonl` are expanded.
  package var dataFiles: [String: [String]]
  package var split: String
  /// Which configuration of the dataset, where its README.md lists several.
  package var name: String?
  /// A folder inside the dataset that takes its place.
  package var dataDir: String?
  /// Where a dataset of the hub lies on this machine.
  package var resolvedFolder: String?
  package var sampleBy: SampleBy
  package var keepLinebreaks: Bool
  /// CSV: what stands between two cells, one ASCII character; nil: a comma, or a tab in .tsv files.
  package var delimiter: String?
  /// JSON files that are one object: the key that holds the list of records.
  package var field: String?
  /// Records are read in their order and nothing is kept of them, for data larger than memory.
  package var isStreamed = false
  /// Streamed data is shuffled in a buffer of so many records.
  package var shuffleBufferSize = 10_000

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

  package enum Kind: String, Sendable { case json, text, csv, parquet }

  /// The records that `split` selects.
  /// - Throws: `TuneError` for what is not there, not readable, not supported, or empty.
  package func records() throws -> Records {
    let files = try dataFilesBySplit()
    try checkOptions(for: files.kind)
    var loaded: [String: Records] = [:]
    var selected: Records?
    for part in try SplitSelection(split).parts {
      let all =
        try loaded[part.name]
        ?? Records(try files.paths(of: part.name), kind: files.kind, source: files.source)
      loaded[part.name] = all
      let chosen = all.selecting(part.range(of: all.count))
      selected = selected.map { $0.appending(chosen) } ?? chosen
    }
    guard let selected, selected.count > 0 else { throw empty(files) }
    return selected
  }

  /// The first `limit` records that `split` selects, or all.
  /// - Throws: as a dataset of them would.
  package func firstRecords(_ limit: Int?) throws -> [Record] {
    let all = try records()
    return try (0..<min(all.count, limit ?? .max)).map(all.record)
  }

  /// The same records, to be read in their order. They are counted now, and not kept.
  package func streamedRecords() throws -> StreamedRecords {
    guard shuffleBufferSize > 0 else {
      throw TuneError(
        .configuration,
        "\(Setting.shuffleBufferSize) must be at least 1, not \(shuffleBufferSize)",
        at: .init(.shuffleBufferSize))
    }
    let files = try dataFilesBySplit()
    try checkOptions(for: files.kind)
    let parts = try SplitSelection(split).parts
    var counts: [String: [Int]] = [:]
    for part in parts where counts[part.name] == nil {
      counts[part.name] = try files.paths(of: part.name).map {
        try openRecordFile($0, kind: files.kind, source: files.source).skip(.max)
      }
    }
    let selected = StreamedRecords(
      source: files.source, kind: files.kind,
      parts: try parts.flatMap { part in
        let count = counts[part.name] ?? []
        return StreamedRecords.parts(
          try files.paths(of: part.name), counts: count,
          range: part.range(of: count.reduce(0, +)))
      })
    guard selected.count > 0 else { throw empty(files) }
    return selected
  }

  /// - Throws: for a setting that this kind of file has no use for.
  private func checkOptions(for kind: Kind) throws {
    let options: [(setting: Setting, isSet: Bool, kind: Kind)] = [
      (.delimiter, delimiter != nil, .csv), (.field, field != nil, .json),
      (.sampleBy, sampleBy != .line, .text), (.keepLinebreaks, keepLinebreaks, .text),
    ]
    for option in options where option.isSet && option.kind != kind {
      throw TuneError(
        .configuration,
        "\(option.setting) is for \(option.kind) files, and these are \(kind) files",
        remedy: "Remove \(option.setting).", at: .init(option.setting))
    }
  }

  func delimiterByte(for path: String) throws -> UInt8 {
    guard let delimiter else {
      return DataFolder.plainName(path).hasSuffix(".tsv") ? 0x09 : UInt8(ascii: ",")
    }
    let bytes = Array(delimiter.utf8)
    guard bytes.count == 1, bytes[0] < 0x80, ![0x22, 0x0A, 0x0D].contains(bytes[0]) else {
      throw TuneError(
        .configuration, "the delimiter '\(delimiter)' is not one ASCII character",
        at: .init(.delimiter))
    }
    return bytes[0]
  }

  private func empty(_ files: DataFiles) -> TuneError {
    let names = files.bySplit.values.joined().sorted()
    let shown = names.prefix(5).joined(separator: ", ") + (names.count > 5 ? ", ..." : "")
    return TuneError(
      .data, "the dataset is empty: no records for split '\(split)' in \(shown)",
      remedy: "Check \(Setting.dataFiles) and \(Setting.split).", at: .init(.split))
  }
}
