// Running `tune` as users do, and looking after processes.
import Foundation
import TestSupport
import Testing

enum Processes {
  /// The program, which is built beside the tests.
  static var tune: URL {
    Bundle.module.bundleURL.deletingLastPathComponent().appendingPathComponent("tune")
  }

  /// A `tune` that has been started and goes on.
  static func start(
    _ arguments: [String], in folder: String, environment: [String: String] = [:]
  ) throws -> (process: Process, stdout: Foundation.Pipe, stderr: Foundation.Pipe) {
    try Program.start(tune.path, arguments, in: folder, environment: own(environment))
  }

  static func run(
    _ arguments: [String], in folder: String, environment: [String: String] = [:]
  ) throws -> Program.Result {
    try Program.run(tune.path, arguments, in: folder, environment: own(environment))
  }

  /// The same off the threads that a hub's answers need.
  static func run(
    _ arguments: [String], in folder: String, environment: [String: String]
  ) async throws -> Program.Result {
    try await Program.run(tune.path, arguments, in: folder, environment: own(environment))
  }

  private static func own(_ environment: [String: String]) -> [String: String] {
    ["PATH": "/usr/bin:/bin"].merging(environment) { $1 }
  }

  /// Whether a process is there and no zombie.
  static func isAlive(_ pid: pid_t) -> Bool {
    guard kill(pid, 0) == 0 else { return false }
    return status(pid)?.state != "Z"
  }

  static func children(of parent: pid_t) -> [pid_t] {
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return entries.compactMap { pid_t($0) }.filter { status($0)?.parent == parent }
  }

  private static func status(_ pid: pid_t) -> (state: String, parent: pid_t)? {
    guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
      let end = text.lastIndex(of: ")")
    else { return nil }
    let fields = text[text.index(after: end)...].split(separator: " ")
    guard fields.count > 1, let parent = pid_t(fields[1]) else { return nil }
    return (String(fields[0]), parent)
  }

  /// Waits for what comes at the system's leisure; only a broken program waits to the end.
  static func comesTrue(_ condition: () throws -> Bool) throws -> Bool {
    for _ in 0..<1000 {
      if try condition() { return true }
      usleep(20_000)
    }
    return false
  }

  static func inFolder<R>(_ body: (String) throws -> R) throws -> R {
    let folder = try newFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try body(folder)
  }
  static func inFolderAwaiting<R>(_ body: (String) async throws -> R) async throws -> R {
    let folder = try newFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try await body(folder)
  }
  private static func newFolder() throws -> String {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("tune-tests-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true)
    return folder
  }
}
