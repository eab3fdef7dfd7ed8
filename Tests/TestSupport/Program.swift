// Other programs that tests run: started, waited for, and what they wrote.
import Foundation
import Synchronization

package enum Program {
  package struct Result: Sendable {
    package var stdout: String
    package var stderr: String
    /// 128 and the signal's number for a program that a signal ended, as shells say it.
    package var exitCode: Int32
  }

  /// Whether tests that compare with real Python programs run: where scripts/interop-env has made their
  /// environment, and in CI, where a missing one is a failure.
  package static let comparesWithPython =
    FileManager.default.isExecutableFile(atPath: interpreterPath)
    || ProcessInfo.processInfo.environment["CI"] != nil
  private static let interpreterPath = testsFolder + "/../.interop/venv/bin/python"

  /// Starts a program without standard input.
  /// - Parameter environment: nil for that of the tests.
  package static func start(
    _ program: String, _ arguments: [String], in folder: String? = nil,
    environment: [String: String]? = nil
  ) throws -> (process: Process, stdout: Pipe, stderr: Pipe) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
    if let environment { process.environment = environment }
    let (stdout, stderr) = (Pipe(), Pipe())
    (process.standardOutput, process.standardError) = (stdout, stderr)
    process.standardInput = FileHandle.nullDevice
    try process.run()
    return (process, stdout, stderr)
  }

  /// Runs a program to its end.
  package static func run(
    _ program: String, _ arguments: [String], in folder: String? = nil,
    environment: [String: String]? = nil
  ) throws -> Result {
    let (process, stdout, stderr) = try start(
      program, arguments, in: folder, environment: environment)
    // Both at once: a program waits while either pipe is full.
    let errors = Errors()
    let reading = DispatchGroup()
    let handle = stderr.fileHandleForReading
    DispatchQueue.global().async(group: reading) {
      errors.data.withLock { $0 = handle.readDataToEndOfFile() }
    }
    let output = stdout.fileHandleForReading.readDataToEndOfFile()
    reading.wait()
    process.waitUntilExit()
    let status = process.terminationStatus
    return Result(
      stdout: String(decoding: output, as: UTF8.self),
      stderr: String(decoding: errors.data.withLock { $0 }, as: UTF8.self),
      exitCode: process.terminationReason == .uncaughtSignal ? 128 + status : status)
  }

  /// The same off the threads that a hub's answers need.
  package static func run(
    _ program: String, _ arguments: [String], in folder: String? = nil,
    environment: [String: String]? = nil
  ) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread {
        continuation.resume(
          with: Swift.Result {
            try run(program, arguments, in: folder, environment: environment) as Result
          })
      }
    }
  }

  private final class Errors: Sendable {
    let data = Mutex(Data())
  }
}

// MARK: Python

extension Program {
  /// Runs a script with the Python of scripts/interop-env.
  /// - Returns: what it wrote to its standard output.
  @discardableResult
  package static func python(_ arguments: [String]) throws -> String {
    try success(of: run(interpreter(), arguments) as Result)
  }
  package static func python(
    _ arguments: [String], environment: [String: String]
  ) async throws -> String {
    try success(of: await run(interpreter(), arguments, environment: environment))
  }

  private static func interpreter() throws -> String {
    guard FileManager.default.isExecutableFile(atPath: interpreterPath) else {
      throw PythonFailure(text: "there is no \(interpreterPath): run scripts/interop-env")
    }
    return interpreterPath
  }

  private static func success(of result: Result) throws -> String {
    guard result.exitCode == 0 else {
      throw PythonFailure(text: result.stderr)
    }
    return result.stdout
  }

  package struct PythonFailure: Error, CustomStringConvertible {
    package let text: String
    package var description: String { text }
  }
}
