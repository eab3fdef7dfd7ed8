// Files of records, packed and plain, with the card and the patterns that choose them; each read both at
// hand and streamed.
import Archives
import Essentials
import Records
import Zstandard

extension FuzzedParser {
  private static func readRecords(_ source: String, _ path: String) throws {
    var data = DataSource(source: source, dataFiles: [path])
    do {
      let records = try data.records()
      for index in 0..<min(records.count, 50) { _ = try records.record(at: index) }
    } catch is TuneError {}
    data.isStreamed = true
    let reader = try data.streamedRecords().reader()
    for _ in 0..<50 { _ = try reader.next()?.record() }
  }

  static func parquet(_ place: Place) throws -> FuzzedParser {
    let folders = ["ParquetTests/Fixtures", "TuneTests/Fixtures", "DatasetsTests/Fixtures"]
    let seeds = try folders.flatMap { try place.files(in: $0, ending: ".parquet", upTo: 5000) }
    return FuzzedParser(
      seeds: seeds,
      words: ["PAR1", "\u{15}\u{0}\u{15}", "\u{19}\u{1C}", "\u{0}", "list", "element", "schema"]
    ) { input in try readRecords("parquet", place.write(input, "a.parquet")) }
  }

  private static func unpack(_ path: String) throws {
    let file = try UnpackedFile(path: path, formats: [.gzip, .zstd])
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 16)
    defer { buffer.deallocate() }
    while try file.read(into: buffer) > 0 {}
  }

  static func gzip(_ place: Place) throws -> FuzzedParser {
    let whole = try place.bytes("DatasetsTests/Fixtures/builders/samsum.jsonl.gz")
    let name: [UInt8] = [0x1F, 0x8B, 8, 0x1E, 0, 0, 0, 0, 0, 3, 2, 0, 1, 2, 97, 0, 98, 0]
    return FuzzedParser(
      seeds: [whole, whole + whole, name + whole.dropFirst(10)],
      words: ["\u{1F}", "\u{8}", "\u{0}"]
    ) { input in try unpack(place.write(input, "a.gz")) }
  }

  static func zstd(_ place: Place) throws -> FuzzedParser {
    let whole = try place.bytes("DatasetsTests/Fixtures/builders/grammar.json.zst")
    let skipped: [UInt8] = [0x50, 0x2A, 0x4D, 0x18, 4, 0, 0, 0, 1, 2, 3, 4]
    return FuzzedParser(seeds: [whole, whole + whole, skipped + whole]) { input in
      try unpack(place.write(input, "a.zst"))
    }
  }

  static func csv(_ place: Place) -> FuzzedParser {
    let texts = [
      "instruction,output\n\"a, \"\"b\"\"\",c\n\"line\nbreak\",d\ne,f\n", "a\tb\n1\t2\n\n3\t4",
      "\u{FEFF}a,b,c\r\n1,2,3\r\n,,\r\n", "a\n\n\n\"\"\n",
    ]
    return FuzzedParser(
      seeds: texts.map { Array($0.utf8) },
      words: ["\"", "\"\"", ",", "\n", "\r", "\r\n", "\u{FEFF}", "a,a,a", "\n\n\n\n"]
    ) { input in try readRecords("csv", place.write(input, "a.csv")) }
  }

  static func jsonl(_ place: Place) -> FuzzedParser {
    let texts = [
      "{\"a\": 1, \"b\": [\"x\", {\"c\": null}]}\n{\"a\": 2}\n\n{\"a\": \"\\u00e9\"}\n",
      "[{\"a\": 1},\n {\"a\": 2}, {\"a\": {\"b\": [1, 2]}}]",
      "{\"version\": 1, \"data\": [{\"a\": 1}]}",
      "\u{FEFF}{\"a\": 1}\r\n{\"a\": 2}\r\n",
    ]
    return FuzzedParser(
      seeds: texts.map { Array($0.utf8) },
      words: [
        "{", "}", "[", "]", "\"", "\\", ",", ":", "\n", "\r\n", "{}\n", "[[[[[[[[", "null", " ",
      ]
    ) { input in try readRecords("json", place.write(input, "a.jsonl")) }
  }

  static func text(_ place: Place) -> FuzzedParser {
    let texts = [
      "one\ntwo\n\nthree\r\nfour", "a\u{2028}b\u{85}c\u{B}d\u{1C}e\n\n\n\nf", "\n", "\u{FEFF}x\n",
    ]
    let ways: [DataSource.SampleBy] = [.line, .paragraph, .document]
    return FuzzedParser(
      seeds: texts.map { Array($0.utf8) },
      words: ["\n", "\n\n", "\r", "\r\n", "\u{85}", "\u{2029}", "\u{FEFF}", "\u{C}"]
    ) { input in
      let path = try place.write(input, "a.txt")
      for way in ways {
        for keeps in [false, true] {
          let source = DataSource(
            source: "text", dataFiles: [path], sampleBy: way, keepLinebreaks: keeps)
          do {
            let records = try source.records()
            for index in 0..<min(records.count, 50) { _ = try records.record(at: index) }
          } catch is TuneError {}
        }
      }
    }
  }

  /// A data set's README.md, and the name of one of its configurations.
  static var card: FuzzedParser {
    let text = """
      ---
      configs:
      - config_name: default
        default: true
        data_dir: data
        data_files:
        - split: train
          path: ["a-*.jsonl", "**/b.jsonl"]
        - split: test
          path: c.csv
        sep: ";"
      - config_name: other
        data_files: "*.parquet"
      ---
      # A card
      """
    return FuzzedParser(
      seeds: [Array((text + "\u{0}other").utf8), Array((text + "\u{0}").utf8)],
      words: ["---\n", "- ", ": ", "&a", "*a", "[", "]", "{", "}", "..", "/", "~", "!!int ", "\n"]
    ) { input in
      let (card, name) = split(input)
      var source = DataSource(source: "owner/name")
      source.name = name.isEmpty ? nil : fuzz.text(name)
      _ = try source.hubPatterns(card: fuzz.text(card))
    }
  }

  /// A pattern of files and a path that it is held against.
  static var pattern: FuzzedParser {
    let texts = ["a/**/b[!a-c]*.js?n\u{0}a/x/y/bd1.json", "*/[]a]/**\u{0}x/]/y/z", "**\u{0}a"]
    return FuzzedParser(
      seeds: texts.map { Array($0.utf8) },
      words: ["*", "**", "**/", "?", "[", "]", "[!", "-", "/", "\u{E9}", "e\u{301}", "***********"]
    ) { input in
      let (pattern, path) = split(input)
      // What a card may name, and what the system can.
      let names = fuzz.text(pattern.prefix(1024)).split(separator: "/").map(String.init)
      _ = FilePattern(names).matches(fuzz.text(path.prefix(4096)))
    }
  }
}
