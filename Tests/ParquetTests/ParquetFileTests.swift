// Parquet files written by pyarrow in many ways read as pyarrow means them, and broken ones are errors.
import Essentials
import Foundation
import TestSupport
import Testing

@testable import Archives
@testable import Parquet
@testable import Records

@Suite struct ParquetFileTests {
  /// All records of a file beside the JSON lines that say what they are.
  private func expectRecords(of parquet: String, _ name: String) throws {
    let lines = (parquet as NSString).deletingPathExtension + ".jsonl"
    let text = try String(contentsOfFile: lines, encoding: .utf8)
    let expected = try text.split(separator: "\n").map { try JSON.parse(String($0)) }
    let records = try Records([parquet], kind: .parquet, source: DataSource(source: "parquet"))
    #expect(records.count == expected.count, "\(name)")
    for (index, golden) in expected.enumerated() where index < records.count {
      let record = try records.record(at: index)
      #expect(record.line == nil && record.number == index + 1)
      for (column, value) in golden.object ?? [:] {
        let own = record.fields[column] ?? "nothing"
        #expect(isSame(own, value), "\(name) \(index) \(column): \(own.text()) \(value.text())")
      }
      #expect(record.fields.keys == golden.object?.keys, "\(name)")
    }
  }

  /// Numbers may be written in different ways.
  private func isSame(_ one: JSON, _ other: JSON) -> Bool {
    switch (one, other) {
    case (.array(let one), .array(let other)):
      one.count == other.count && zip(one, other).allSatisfy { isSame($0, $1) }
    case (.object(let one), .object(let other)):
      one.keys == other.keys
        && zip(one, other).allSatisfy { isSame($0.value, $1.value) }
    default: one == other || one.double != nil && one.double == other.double
    }
  }

  @Test(.enabled(if: Program.comparesWithPython, "needs scripts/interop-env"))
  func filesOfPyarrowAreReadAsItMeansThem() throws {
    let folder = try Fixtures.folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    try Program.python([fixturePath("ParquetTests/Fixtures/parquet/write_cases.py"), folder.path])
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
      .filter { $0.hasSuffix(".parquet") }
    #expect(files.count == 25)
    for file in files { try expectRecords(of: folder.path + "/" + file, file) }
  }

  @Test(arguments: ["chat", "nested", "delta"])
  func committedFilesAreReadAsPyarrowMeansThem(_ name: String) throws {
    try expectRecords(of: fixturePath("ParquetTests/Fixtures/parquet/\(name).parquet"), name)
  }

  /// Of each pair the second has one bit of a page changed, which text does not show.
  @Test(arguments: ["none", "snappy", "gzip", "zstd"])
  func aPageThatDoesNotMatchItsChecksumIsRefused(_ codec: String) throws {
    func read(_ kind: String) throws {
      let path = fixturePath("ParquetTests/Fixtures/checksums/\(kind)-\(codec).parquet")
      let records = try Records([path], kind: .parquet, source: DataSource(source: "parquet"))
      #expect(records.count > 0)
      for index in 0..<records.count { _ = try records.record(at: index) }
    }
    try read("whole")
    let error = #expect(throws: TuneError.self) { try read("flipped") }
    #expect(error?.code == .malformedFile)
    #expect(error?.location.file?.hasSuffix("flipped-\(codec).parquet") == true)
  }

  /// What is kept of each record, 16 bytes, counts too: records may be short and many.
  @Test func recordsTakeNoMoreThanIsAllowed() throws {
    let path = fixturePath("ParquetTests/Fixtures/parquet/chat.parquet")
    let source = DataSource(source: "parquet")
    let file = try IndexedFile(path, kind: .parquet, source: source)
    let whole = file.byteCount + file.count * 16
    func open(_ bytes: Int) throws {
      _ = try IndexedFile(
        path, kind: .parquet, source: source, limit: UnpackingLimit(ratio: 0, floor: bytes))
    }
    try open(whole)
    let error = #expect(throws: TuneError.self) { try open(whole - 1) }
    #expect(error?.code == .malformedFile && error?.location.file == path)
  }

  @Test func rowsArePassedWithoutReadingThem() throws {
    let path = fixturePath("ParquetTests/Fixtures/parquet/chat.parquet")
    let source = DataSource(source: "parquet")
    let all = try Records([path], kind: .parquet, source: source)
    #expect(all.count == 12)
    for skipped in 0...12 {
      let file = try ParquetRecords(path: path)
      #expect(try file.skip(skipped) == skipped)
      var index = skipped
      while let span = try file.next() {
        let record = try file.withBytes(of: span) { try file.layout.record($0, line: 0, number: 1) }
        #expect(record.fields == (try all.record(at: index)).fields)
        index += 1
      }
      #expect(index == 12)
    }
    #expect(try ParquetRecords(path: path).skip(.max) == 12)
  }

  /// As values its dictionary would take ten gigabytes.
  @Test func aDictionaryStaysAsSmallAsItsPage() throws {
    let path = fixturePath("ParquetTests/Fixtures/parquet/dictionary-bomb.parquet")
    let file = try ParquetRecords(path: path)
    #expect(try file.next() != nil)
  }

  @Test func dictionariesGiveTheirValues() throws {
    func bytes(_ value: ParquetValue) -> [UInt8]? {
      if case .bytes(let slice) = value { Array(slice) } else { nil }
    }
    let fixed = try ParquetDictionary([1, 2, 3, 4, 5], .fixedBytes, length: 2, count: 2)
    #expect(bytes(try fixed.value(at: 1)) == [3, 4])
    let texts: [UInt8] = [1, 0, 0, 0, 7, 0, 0, 0, 0, 2, 0, 0, 0, 8, 9]
    let unlike = try ParquetDictionary(texts, .bytes, length: 0, count: 3)
    #expect(try (0..<3).map { bytes(try unlike.value(at: $0)) } == [[7], [], [8, 9]])
    for wrong in [-1, 3, 1 << 40] {
      #expect(throws: MalformedBytes.self) { try unlike.value(at: wrong) }
    }
    for (type, count) in [(ParquetType.bytes, 4), (.int32, 4), (.int64, 2), (.boolean, 1)] {
      #expect(throws: MalformedBytes.self) {
        try ParquetDictionary(texts, type, length: 0, count: Int64(count))
      }
    }
  }

  private func read(_ bytes: [UInt8], in folder: URL, recordLimit: Int = 1 << 20) throws -> Int {
    let path = folder.appendingPathComponent("x.parquet")
    try Data(bytes).write(to: path)
    let file = try ParquetRecords(path: path.path, recordLimit: recordLimit)
    var rows = 0
    while let span = try file.next() {
      _ = try file.withBytes(of: span) { try file.layout.record($0, line: 0, number: 1) }
      rows += 1
      // A lying file may promise rows without end.
      if rows > 2000 { break }
    }
    return rows
  }

  @Test func everyCutIsAnError() throws {
    let folder = try Fixtures.folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let whole = Array(
      try Data(
        contentsOf: URL(fileURLWithPath: fixturePath("ParquetTests/Fixtures/parquet/delta.parquet"))
      ))
    for count in stride(from: 0, to: whole.count, by: 7) {
      let error = try tuneError { _ = try read(Array(whole.prefix(count)), in: folder) }
      #expect(error.code == .malformedFile && error.location.file?.hasSuffix("x.parquet") == true)
    }
  }

  @Test(arguments: ["chat", "nested", "delta"])
  func everyMutationLoadsOrIsAnError(_ name: String) throws {
    let folder = try Fixtures.folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let whole = Array(
      try Data(
        contentsOf: URL(
          fileURLWithPath: fixturePath("ParquetTests/Fixtures/parquet/\(name).parquet"))))
    var random = MersenneTwister(seed: 21)
    var refused = 0
    for round in 0..<1200 {
      var bytes = whole
      for _ in 0...Int(random.next32() % 3) {
        // Half of the mutations in the footer: it steers everything else.
        let span = round % 2 == 0 ? bytes.count : min(600, bytes.count)
        let place = bytes.count - 1 - Int(random.next32()) % span
        bytes[place] =
          random.next32() % 2 == 0
          ? UInt8(truncatingIfNeeded: random.next32()) : bytes[place] ^ 1 << (random.next32() % 8)
      }
      do {
        _ = try read(bytes, in: folder)
      } catch let error as TuneError {
        refused += 1
        #expect(error.location.file?.hasSuffix("x.parquet") == true)
      }
    }
    #expect(refused > 300)
  }

  @Test(arguments: [-1, 0, 2, 9, .min, .max])
  func aSchemaMustHaveTheFieldsItCounts(_ count: Int) throws {
    func element(_ children: Int, _ repetition: Int64, list: Bool = false) -> ParquetElement {
      ParquetElement(repetition: repetition, childCount: children, logical: list ? 3 : nil)
    }
    let leaf = ParquetElement(type: .int32, repetition: 1)
    let root = element(1, 0)
    let lists = [root, element(1, 1, list: true), element(1, 2), leaf]
    #expect(try ParquetSchema(lists).leaves.count == 1)
    for place in 0..<3 {
      var wrong = lists
      wrong[place].childCount = count
      #expect(throws: MalformedBytes.self) { try ParquetSchema(wrong) }
    }
    let deep = [root] + [ParquetElement](repeating: element(1, 2), count: 100) + [leaf]
    #expect(throws: MalformedBytes.self) { try ParquetSchema(deep) }
    #expect(throws: MalformedBytes.self) { try ParquetSchema([]) }
  }

  @Test func aRecordHasABoundedSize() throws {
    let folder = try Fixtures.folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let whole = Array(
      try Data(
        contentsOf: URL(fileURLWithPath: fixturePath("ParquetTests/Fixtures/parquet/chat.parquet")))
    )
    let error = try tuneError { _ = try read(whole, in: folder, recordLimit: 100) }
    #expect(error.message.contains("more than 100 bytes"))
  }
}
