// Another process that answers a line with a line, so that what it times runs in turns with others.
import Essentials
import Foundation

/// A place for files of this run.
func temporaryPath(_ name: String) -> String {
  NSTemporaryDirectory() + "swift-tune-\(name)-\(ProcessInfo.processInfo.processIdentifier)"
}

final class AskedProcess {
  private let process = Process()
  private let questions = Pipe()
  private let answers = Pipe()
  private var unread: [UInt8] = []
  /// What followed the greeting word.
  private(set) var greeting = ""

  /// - Parameter greeting: the first word of the line that says it is ready.
  init(_ path: String, _ arguments: [String], greeting word: String) throws {
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.standardInput = questions
    process.standardOutput = answers
    do { try process.run() } catch {
      throw TuneError(.worker, "cannot start \(path)", cause: error)
    }
    let line = try answer().split(separator: " ", maxSplits: 1)
    guard line.first == Substring(word) else {
      throw TuneError(.worker, "\(path) said '\(line.joined(separator: " "))' instead of '\(word)'")
    }
    greeting = line.count > 1 ? String(line[1]) : ""
  }
  deinit {
    try? questions.fileHandleForWriting.close()
    process.waitUntilExit()
  }

  func ask(_ question: String) throws -> String {
    try questions.fileHandleForWriting.write(contentsOf: Data((question + "\n").utf8))
    return try answer()
  }
  func number(_ question: String) throws -> Double {
    let text = try ask(question)
    guard let number = Double(text) else {
      throw TuneError(.worker, "'\(question)' was answered with '\(text)'")
    }
    return number
  }

  private func answer() throws -> String {
    while true {
      if let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
        defer { unread.removeSubrange(...end) }
        return String(decoding: unread[..<end], as: UTF8.self)
      }
      let more = answers.fileHandleForReading.availableData
      if more.isEmpty {
        throw TuneError(.worker, "\(process.executableURL?.lastPathComponent ?? "") ended early")
      }
      unread.append(contentsOf: more)
    }
  }
}
