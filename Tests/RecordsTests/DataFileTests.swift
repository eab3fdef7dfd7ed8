// Files of every kind, plain and packed, give the same records; broken and hostile ones are errors.
import Essentials
import Foundation
import TestSupport
import Testing
import Zstandard

@testable import Archives
@testable import Records

@Suite struct DataFileTests {
  private func texts(_ source: DataSource, _ column: String = "text") throws -> [String] {
    let records = try source.records()
    let indexed = try (0..<records.count).map {
      try records.record(at: $0).text(column, for: "text")
    }
    // Read in order they are the same, with the same numbers and lines.
    let reader = try source.streamedRecords().reader()
    for index in indexed.indices {
      let streamed = try #require(try reader.next()).record()
      let record = try records.record(at: index)
      #expect(streamed.fields == record.fields)
      #expect(streamed.number == record.number && streamed.line == record.line)
    }
    #expect(try reader.next() == nil)
    return indexed
  }

  @Test func quotedCellsHoldAnything() throws {
    let text =
      "\u{FEFF}text,\"b \"\"x\"\"\"\r\n\"a,\r\nb\",1\r\n\r\nc\"d,\"\"\"\"\r\n,\nlast,\"é\""
    let source = DataSource(source: try Fixtures.write(text, "a.csv"))
    #expect(try texts(source) == ["a,\r\nb", "c\"d", "", "last"])
    #expect(try texts(source, "b \"x\"") == ["1", "\"", "", "é"])
    let records = try source.records()
    #expect(try (0..<4).map { try records.record(at: $0).line } == [2, 5, 6, 7])
  }

  @Test func cellsAreDividedAsAsked() throws {
    let tabs = DataSource(source: try Fixtures.write("text\tb\nx,y\tz\n", "a.tsv"))
    #expect(try texts(tabs) == ["x,y"])
    var source = DataSource(source: "csv", dataFiles: [try Fixtures.write("text;b\nx,y;z\n", "a")])
    source.delimiter = ";"
    #expect(try texts(source) == ["x,y"])
    for wrong in ["", ";;", "\"", "\n", "é"] {
      source.delimiter = wrong
      #expect(try tuneError { _ = try source.records() }.location.key == "delimiter")
    }
  }

  @Test(arguments: [
    ("a,b\n1,2\n3\n", 3, "1 cells"), ("a,b\n1,2,3\n", 2, "3 cells"), ("a,a\n1,2\n", 1, "'a'"),
    ("a,b\n1,\"2\n3,4\n", 2, "quotes"), ("a,b\n\"1\"x,2\n", 2, "closing quote"), ("", nil, "empty"),
  ])
  func brokenCSVIsNamedByItsLine(_ text: String, _ line: Int?, _ complaint: String) throws {
    let source = DataSource(source: try Fixtures.write(text, "a.csv"))
    let error = try tuneError {
      let records = try source.records()
      for index in 0..<records.count { _ = try records.record(at: index) }
    }
    #expect(error.location.line == line && error.message.contains(complaint))
    #expect(error.location.file?.hasSuffix("a.csv") == true)
  }

  @Test func aFieldHoldsTheRecords() throws {
    let text = #"{"v": {"a": "]}\"", "b": [1]}, "n": 1.5, "data": [{"text": "a"}, {"text": "b"}], "#
    var source = DataSource(source: try Fixtures.write(text + #""z": 1}"#, "a.json"))
    source.field = "data"
    #expect(try texts(source) == ["a", "b"])
    for (field, complaint) in [("other", "no field"), ("n", "no list")] {
      source.field = field
      #expect(try tuneError { _ = try source.records() }.message.contains(complaint))
    }
    source = DataSource(source: try Fixtures.write("[1]", "a.json"))
    source.field = "data"
    #expect(try tuneError { _ = try source.records() }.code == .malformedFile)
  }

  @Test(arguments: [
    #"[{"text": "a"} {"text": "b"}]"#, #"[{"text": "a"}"#, #"[{"text": "a]"#, #"[{"text": "a"}] x"#,
    #"[,{"text": "a"}]"#, #"[{"text": "a"},]"#, #"[}]"#, #"[{"text": "a"},,{"text": "b"}]"#,
  ])
  func brokenListsAreErrors(_ text: String) throws {
    let source = DataSource(source: try Fixtures.write(text, "a.json"))
    let error = try tuneError {
      let records = try source.records()
      for index in 0..<records.count { _ = try records.record(at: index) }
    }
    #expect(error.code == .malformedFile && error.location.line == 1)
  }

  @Test func textInUTF16IsNamed() throws {
    let url = try Fixtures.folder().appendingPathComponent("a.json")
    try Data([0xFF, 0xFE, 0x5B, 0]).write(to: url)
    let error = try tuneError { _ = try DataSource(source: url.path).records() }
    #expect(error.message.contains("UTF-16"))
  }

  private func packed(_ name: String) throws -> [UInt8] {
    Array(
      try Data(
        contentsOf: URL(fileURLWithPath: fixturePath("DatasetsTests/Fixtures/builders/" + name))))
  }
  private func source(_ bytes: [UInt8], _ name: String, in folder: URL) throws -> DataSource {
    let url = folder.appendingPathComponent(name)
    try Data(bytes).write(to: url)
    return DataSource(source: url.path)
  }

  @Test func packedFilesMayHaveSeveralParts() throws {
    let folder = try Fixtures.folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let gzip = try packed("samsum.jsonl.gz")
    let one = try texts(try source(gzip, "a.jsonl.gz", in: folder), "summary")
    #expect(one == ["They greet.", "A denies."])
    #expect(try texts(try source(gzip + gzip, "b.jsonl.gz", in: folder), "summary") == one + one)
    // Zeros fill up the last block of a tape.
    let padded = try source(gzip + [UInt8](repeating: 0, count: 100), "c.jsonl.gz", in: folder)
    #expect(try texts(padded, "summary") == one)
    // What a file is shows in its bytes, whatever its name says.
    #expect(try texts(try source(gzip, "d.jsonl", in: folder), "summary") == one)
    let zstd = try packed("grammar.json.zst")
    #expect(
      try texts(try source(zstd, "a.json.zst", in: folder), "output") == ["He goes.", "It is."])
  }

  @Test(arguments: ["samsum.jsonl.gz", "grammar.json.zst"])
  func everyCutAndMutationOfAPackedFileIsAnErrorOrLoads(_ name: String) throws {
    let folder = try Fixtures.folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let whole = try packed(name)
    for count in 4..<whole.count {
      let cut = try source(Array(whole.prefix(count)), name, in: folder)
      #expect(try tuneError { _ = try cut.records() }.code == .malformedFile)
    }
    var random = MersenneTwister(seed: 3)
    var refused = 0
    for _ in 0..<500 {
      let bytes = mutate(whole, &random)
      do {
        let records = try source(bytes, name, in: folder).records()
        for index in 0..<records.count { _ = try records.record(at: index) }
      } catch is TuneError { refused += 1 }
    }
    #expect(refused > 200)
  }

  @Test func aBombIsRefused() throws {
    let path = fixturePath("DatasetsTests/Fixtures/builders/samsum.jsonl.gz")
    let limit = UnpackingLimit(ratio: 1, floor: 50)
    let file = try UnpackedFile(path: path, formats: [.gzip, .zstd], limit: limit)
    let error = try tuneError {
      var buffer = [UInt8](repeating: 0, count: 16)
      while try buffer.withUnsafeMutableBytes({ try file.read(into: $0) }) > 0 {}
    }
    #expect(error.code == .malformedFile && error.message.contains("more than 95"))
    #expect(UnpackingLimit.standard.bytes(packed: 1 << 62) == .max)
    #expect(UnpackingLimit.standard.bytes(packed: 10) == 256 << 20)
  }

  @Test func aRecordHasABoundedSize() throws {
    let path = try Fixtures.write(String(repeating: "x", count: 5000), "a.txt")
    for limit in [100, 4096, 4999] {
      let window = ByteWindow(
        try UnpackedFile(path: path, formats: [.gzip, .zstd]), limit: limit, chunk: 64)
      let error = try tuneError { _ = try window.first(ByteSet(0x0A), from: 0) }
      #expect(error.code == .data && error.message.contains("more than \(limit) bytes"))
    }
    let window = ByteWindow(
      try UnpackedFile(path: path, formats: [.gzip, .zstd]), limit: 8192, chunk: 64)
    #expect(try window.first(ByteSet(0x0A), from: 0) == nil)
  }

  /// However small the chunks: records are found where they are.
  @Test(arguments: 1...40)
  func chunksMayEndAnywhere(_ chunk: Int) throws {
    let path = try Fixtures.write("one\r\ntwo\n\n\"th\nree\"\rfour", "a.txt")
    let window = ByteWindow(try UnpackedFile(path: path, formats: [.gzip, .zstd]), chunk: chunk)
    var (at, lines): (Int, [String]) = (0, [])
    while let byte = try window.byte(at: at) {
      let end = try window.first(ByteSet(0x0A, 0x0D), from: at) ?? window.end()
      lines.append(window.withBytes(at..<end) { String(decoding: $0, as: UTF8.self) })
      #expect(byte == lines.last?.utf8.first ?? 0x0A || lines.last == "")
      at = end + 1
      window.discard(before: at)
    }
    #expect(lines == ["one", "", "two", "", "\"th", "ree\"", "four"])
  }

  @Test(.enabled(if: Program.comparesWithPython, "needs scripts/interop-env"))
  func filesOfPythonsWritersAreReadAsTheyMeanThem() throws {
    let folder = try Fixtures.folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    try Program.python([fixturePath("RecordsTests/Fixtures/interop/write_texts.py"), folder.path])
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
      .filter { !$0.hasSuffix(".expected") }
    #expect(files.count == 85)
    for name in files {
      var source = DataSource(source: name.hasPrefix("csv") ? "csv" : "json")
      source.dataFiles = ["train": [folder.path + "/" + name]]
      if name.contains("-tab") { source.delimiter = "\t" }
      if name.contains("-semicolon") { source.delimiter = ";" }
      let expected = try String(contentsOfFile: folder.path + "/\(name).expected", encoding: .utf8)
        .split(separator: "\n").map { try JSON.parse(String($0)) }
      let records = try source.records()
      #expect(records.count == expected.count, "\(name)")
      for (index, golden) in expected.enumerated() where index < records.count {
        #expect(.object(try records.record(at: index).fields) == golden, "\(name) \(index)")
      }
    }
  }

  /// A chunk's end changes nothing about where records lie, in any format.
  @Test func recordsDoNotDependOnChunks() throws {
    let folder = try Fixtures.folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let kinds: [(DataSource.Kind, DataSource.SampleBy, String)] = [
      (.json, .line, "{\"a\": \"x\\\"]\"}\r\n"), (.json, .line, "{\"a\": [1, {}]},\n \"[{\\\\\","),
      (.csv, .line, "a,\"b\"\"\n\r\"\r\n"), (.text, .line, "a\r\nb\n\n"),
      (.text, .paragraph, "a\r\n\r\nb\n"), (.text, .document, "abc\n"),
    ]
    var random = MersenneTwister(seed: 8)
    var found = 0
    for (number, (kind, unit, alphabet)) in kinds.enumerated() {
      let pieces = Array(alphabet)
      for _ in 0..<40 {
        var text = number == 1 ? "[" : kind == .csv ? "a,b\n" : ""
        for _ in 0..<random.next32() % 12 {
          text +=
            random.next32() % 2 == 0
            ? alphabet : String(pieces[Int(random.next32()) % pieces.count])
        }
        let path = folder.appendingPathComponent("x").path
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        let source = DataSource(source: "text", sampleBy: unit)
        func spans(_ chunk: Int) -> [RecordSpan?] {
          var spans: [RecordSpan?] = []
          do {
            let scanner = try RecordScanner(path, kind: kind, source: source, chunk: chunk)
            while let span = try scanner.next() { spans.append(span) }
          } catch { spans.append(nil) }
          return spans
        }
        let whole = spans(1 << 16)
        found += whole.count
        for chunk in [1, 2, 3, 7, 16] { #expect(spans(chunk) == whole, "\(text) \(chunk)") }
      }
    }
    #expect(found > 300)
  }

  @Test func aLongFileIsReadThroughASmallWindow() throws {
    let line = "{\"text\": \"\(String(repeating: "word ", count: 30))\"}\n"
    let path = try Fixtures.write(String(repeating: line, count: 20_000), "long.jsonl")
    let scanner = try RecordScanner(path, kind: .json, source: DataSource(source: "json"))
    var count = 0
    while try scanner.next() != nil { count += 1 }
    #expect(count == 20_000 && scanner.window.capacity == 256 << 10)
    try FileManager.default.removeItem(atPath: path)
  }

  @Test func aSettingForAnotherKindOfFileIsAnError() throws {
    let text = DataSource(source: try Fixtures.write("a", "a.txt"))
    var (delimited, within) = (text, text)
    (delimited.delimiter, within.field) = (";", "data")
    let json = try Fixtures.write("{}", "a.jsonl")
    let cases = [
      (delimited, "delimiter"), (within, "field"),
      (DataSource(source: json, sampleBy: .paragraph), "sampleBy"),
      (DataSource(source: json, keepLinebreaks: true), "keepLinebreaks"),
    ]
    for (source, key) in cases {
      #expect(try tuneError { _ = try source.records() }.location.key == key)
      #expect(try tuneError { _ = try source.streamedRecords() }.location.key == key)
    }
  }

  @Test func everyMutationOfACSVLoadsOrIsAnError() throws {
    let folder = try Fixtures.folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let whole = Array("a,b\r\n\"x\"\"\ny\",1\r\n2,\"3\"\r\n,\r\n".utf8)
    var random = MersenneTwister(seed: 5)
    var refused = 0
    for _ in 0..<600 {
      let bytes = mutate(whole, &random)
      do {
        let records = try source(bytes, "a.csv", in: folder).records()
        for index in 0..<records.count { _ = try records.record(at: index) }
      } catch is TuneError { refused += 1 }
    }
    #expect(refused > 100)
  }

  @Test func everyMutationOfRecordsLoadsOrIsAnError() throws {
    let text =
      #"[{"instruction": "a\n\u00e9", "input": "", "output": "b"}, {"x": [1, 2.5e3, null]}]"#
    let lines =
      "{\"instruction\": \"a\", \"output\": \"b\"}\n{\"instruction\": \"c\", \"output\": \"d\"}\n"
    var random = MersenneTwister(seed: 12)
    let folder = try Fixtures.folder()
    let file = folder.appendingPathComponent("r.json")
    var refused = 0
    for round in 0..<400 {
      let mutated = mutate(Array((round % 2 == 0 ? text : lines).utf8), &random)
      try Data(mutated).write(to: file)
      do {
        let records = try DataSource(source: file.path).records()
        for index in 0..<records.count { _ = try records.record(at: index) }
      } catch is TuneError {
        refused += 1
      }
    }
    #expect(refused > 100)
  }
}
