// Which files of a folder belong to which split is as Hugging Face's `datasets` decides it; and what
// a dataset of the hub needs.
import Essentials
import Foundation
import TestSupport
import Testing

@testable import Records

@Suite struct DataFolderTests {
  private func folder(_ files: [String], card: String? = nil) throws -> URL {
    let folder = try Fixtures.folder()
    for name in files {
      let url = folder.appendingPathComponent(name)
      try FileManager.default.createDirectory(
        at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(#"{"text": "\#(name)"}"#.utf8).write(to: url)
    }
    if let card {
      try Data(card.utf8).write(to: folder.appendingPathComponent("README.md"))
    }
    return folder
  }

  @Test func splitsAreTheReferences() throws {
    let rows = try #require(
      try JSON.load(path: fixturePath("RecordsTests/Fixtures/layouts/layouts.json")).array)
    #expect(rows.count == 18)
    for row in rows {
      let names = (row["files"]?.array ?? []).compactMap(\.string)
      let folder = try folder(names, card: row["card"]?.string)
      defer { try? FileManager.default.removeItem(at: folder) }
      let files = try DataSource(source: folder.path).dataFilesBySplit()
      let expected = try #require(row["splits"]?.object)
      #expect(Set(files.bySplit.keys) == Set(expected.keys), "\(names)")
      for (split, paths) in files.bySplit {
        let relative = paths.map { String($0.dropFirst(folder.path.count + 1)) }.sorted()
        #expect(
          relative == (expected[split]?.array ?? []).compactMap(\.string), "\(names) \(split)")
      }
    }
  }

  private let card = """
    ---
    license: mit
    configs:
    - config_name: en
      data_files:
      - {split: train, path: en/*.jsonl}
    - config_name: de
      default: %@
      data_dir: de
      sep: ";"
    ---
    # A dataset
    """

  @Test func aConfigurationIsChosenByName() throws {
    let text = card.replacingOccurrences(of: "%@", with: "false")
    let folder = try folder(["en/a.jsonl", "en/b.jsonl", "de/train.csv"], card: text)
    defer { try? FileManager.default.removeItem(at: folder) }
    var source = DataSource(source: folder.path)
    let several = try tuneError { _ = try source.dataFilesBySplit() }
    #expect(several.location.key == "name" && several.remedy == "Choose one with `name`: en, de.")
    source.name = "en"
    #expect(try source.records().count == 2)
    source.name = "de"
    let files = try source.dataFilesBySplit()
    #expect(files.kind == .csv && files.source.delimiter == ";")
    source.name = "fr"
    #expect(try tuneError { _ = try source.records() }.message.contains("'fr'"))
    try Data(card.replacingOccurrences(of: "%@", with: "true").utf8).write(
      to: folder.appendingPathComponent("README.md"))
    source.name = nil
    #expect(try source.dataFilesBySplit().kind == .csv)
    source.dataDir = "en"
    #expect(try source.records().count == 2)
    source.dataDir = nil
    source.dataFiles = ["train": ["en/b.jsonl"]]
    #expect(try source.records().count == 1)
  }

  @Test(arguments: [
    "- config_name: a\n  data_files: /etc/passwd", "- config_name: a\n  data_files: ../x.json",
    "- config_name: a\n  data_dir: ../..", "- config_name: a\n  data_files: 's3://x/y.json'",
    "- config_name: a\n  data_files:\n  - split: train\n    path: x/../../y.json",
    "- data_files: a.json", "- config_name: a\n  data_files:\n  - split: train",
    "- config_name: a\n  data_files: {a: b}", "[", "- config_name: a\n  data_files: [[1]]",
  ])
  func aWrongCardIsRefused(_ configs: String) throws {
    let folder = try folder(["a.json"], card: "---\nconfigs:\n\(configs)\n---\n")
    defer { try? FileManager.default.removeItem(at: folder) }
    let error = try tuneError { _ = try DataSource(source: folder.path).records() }
    #expect(error.code == .malformedFile)
    #expect(error.location.file?.hasSuffix("README.md") == true)
  }

  @Test(arguments: ["[", "{a: ", "- ", "? "])
  func aDeeplyNestedCardIsRefused(_ opening: String) throws {
    let yaml = "configs: " + (opening == "- " ? "\n" : "")
    let text = "---\n\(yaml)\(String(repeating: opening, count: 100_000))\n---\n"
    #expect(throws: TuneError.self) { try DatasetCard(text: text, file: "README.md") }
  }

  @Test func manyStarsTakeNoTime() throws {
    let stars = String(repeating: "**/*a*", count: 200)
    let folder = try folder(
      [String(repeating: "a/", count: 20) + "a.json"],
      card: "---\nconfigs:\n- config_name: a\n  data_files: '\(stars.prefix(900))'\n---\n")
    defer { try? FileManager.default.removeItem(at: folder) }
    #expect(
      try tuneError { _ = try DataSource(source: folder.path).records() }.code == .missingFile)
  }

  @Test func aFolderOfThatNameIsAConfigurationToo() throws {
    let folder = try folder(["one/train.jsonl", "two/train.jsonl"])
    defer { try? FileManager.default.removeItem(at: folder) }
    var source = DataSource(source: folder.path)
    #expect(try source.records().count == 2)
    source.name = "two"
    #expect(try source.records().count == 1)
    source.name = "three"
    #expect(try tuneError { _ = try source.records() }.location.key == "name")
    let kind = DataSource(source: "json")
    var inFolder = kind
    inFolder.dataDir = folder.path + "/one"
    #expect(try inFolder.records().count == 1)
    inFolder = DataSource(source: "parquet")
    inFolder.dataDir = folder.path
    #expect(try tuneError { _ = try inFolder.records() }.message.contains("no parquet files"))
  }

  /// A cache of the hub holds links to the files.
  @Test func linksAreFollowed() throws {
    let real = try folder(["real/train.jsonl"])
    let other = try folder([])
    defer { for url in [real, other] { try? FileManager.default.removeItem(at: url) } }
    let file = other.appendingPathComponent("test.jsonl")
    try FileManager.default.createSymbolicLink(
      at: file, withDestinationURL: real.appendingPathComponent("real/train.jsonl"))
    #expect(try DataSource(source: other.path, split: "test").records().count == 1)
    let link = other.appendingPathComponent("link")
    try FileManager.default.createSymbolicLink(
      at: link, withDestinationURL: real.appendingPathComponent("real"))
    #expect(try DataSource(source: link.path).records().count == 1)
  }

  @Test func aDatasetOfTheHubIsReadWhereItWasFetchedTo() throws {
    let folder = try folder(["data/train-00000-of-00001.jsonl"])
    defer { try? FileManager.default.removeItem(at: folder) }
    var source = DataSource(source: "someone/some-data.v2")
    #expect(source.hubRepository == "someone/some-data.v2")
    source.resolvedFolder = folder.path
    #expect(source.hubRepository == nil)
    #expect(try source.records().count == 1)
    for local in [
      folder.path, "json", "arrow", "a/b/c", "../x", "./x", "x.jsonl", "https://a/b", "",
    ] {
      #expect(DataSource(source: local).hubRepository == nil, "\(local)")
    }
  }

  @Test func onlyWhatIsNeededOfTheHubIsAskedFor() throws {
    let card = card.replacingOccurrences(of: "%@", with: "false")
    var source = DataSource(source: "someone/data")
    let all = try source.hubPatterns(card: nil)
    #expect(all.contains("*.parquet") && all.contains("*.jsonl.gz") && !all.contains("*"))
    source.name = "en"
    #expect(try source.hubPatterns(card: card) == ["en/*.jsonl"])
    source.name = "de"
    #expect(try source.hubPatterns(card: card).contains("de/*.csv"))
    source.name = "fr"
    #expect(try tuneError { _ = try source.hubPatterns(card: card) }.location.key == "name")
    source.dataDir = "sub"
    #expect(try source.hubPatterns(card: card).contains("sub/*.txt"))
    source.dataFiles = ["train": ["x.json"], "test": ["y.json"]]
    #expect(try source.hubPatterns(card: card) == ["sub/x.json"])
    source.split = "test[:1]+train"
    #expect(try source.hubPatterns(card: card) == ["sub/x.json", "sub/y.json"])
    source.split = "other"
    #expect(try tuneError { _ = try source.hubPatterns(card: card) }.location.key == "split")
  }
}
