// The documents of an evaluation out of local files: pages of a WikiText file, the records of JSON
// lines, or a whole file of any other text, which is used as it is.
import Essentials
import Foundation

package struct EvaluationDocument: Sendable, Equatable {
  /// What the model is asked to predict.
  package var text: String
  /// Of the text before any clean-up, as lm-evaluation-harness counts.
  package var words: Int
  package var bytes: Int

  package init(_ text: String) {
    self.text = text
    words = text.pythonWordCount
    bytes = text.utf8.count
  }

  init(wikitextPage page: String) {
    self.init(page)
    text = WikitextPages.detokenized(page)
  }

  /// - Parameter limit: how many at most, of all files together.
  /// - Throws: `TuneError` for a file that is missing, not UTF-8, broken, or all empty.
  package static func load(_ paths: [String], limit: Int? = nil) throws -> [EvaluationDocument] {
    var documents: [EvaluationDocument] = []
    for path in paths where documents.count < limit ?? .max {
      documents += try load(path)
    }
    if let limit { documents = Array(documents.prefix(limit)) }
    guard documents.contains(where: { !$0.text.isEmpty }) else {
      throw TuneError(
        .data, "no text found in \(paths.joined(separator: ", "))",
        remedy: "Name files with text in \(Setting.textFiles).", at: .init(.textFiles))
    }
    return documents
  }

  private static func load(_ path: String) throws -> [EvaluationDocument] {
    switch (path as NSString).pathExtension.lowercased() {
    case "jsonl", "ndjson": return try records(jsonLines: path)
    case "json":
      guard let records = try JSON.load(path: path).array else {
        throw TuneError(
          .data, "the file holds no list of records", remedy: "Give a list of objects with 'text'.",
          at: .init(file: path))
      }
      return try records.map { try record($0, .init(file: path)) }
    default:
      let text = try text(path)
      guard WikitextPages.isWikitext(text) else { return [EvaluationDocument(text)] }
      return WikitextPages.pages(of: text).map(EvaluationDocument.init(wikitextPage:))
    }
  }

  private static func text(_ path: String) throws -> String {
    let file = try MappedFile(path: path)
    return try withExtendedLifetime(file) {
      guard let text = String(validating: UnsafeRawBufferPointer(file.bytes), as: UTF8.self) else {
        throw TuneError(
          .malformedFile, "the text is not valid UTF-8", remedy: "Convert the file to UTF-8.",
          at: .init(file: path))
      }
      return text
    }
  }

  private static func records(jsonLines path: String) throws -> [EvaluationDocument] {
    let file = try MappedFile(path: path)
    return try withExtendedLifetime(file) {
      var documents: [EvaluationDocument] = []
      let bytes = UnsafeRawBufferPointer(file.bytes)
      for (index, line) in bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
        .enumerated()
      where !line.allSatisfy({ $0 == 0x20 || (0x09...0x0D).contains($0) }) {
        let json = try JSON.parse(
          UnsafeRawBufferPointer(rebasing: line), file: path, firstLine: index + 1)
        documents.append(try record(json, .init(file: path, line: index + 1)))
      }
      return documents
    }
  }

  private static func record(_ json: JSON, _ place: TuneError.Location) throws
    -> EvaluationDocument
  {
    guard let text = json["text"]?.string else {
      throw TuneError(
        .data, "a record has no 'text' that is a string",
        remedy: "Each record must be an object with the field text.", at: place)
    }
    return EvaluationDocument(text)
  }
}
