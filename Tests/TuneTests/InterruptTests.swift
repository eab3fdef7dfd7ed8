// How a launched run ends from outside. The configuration is a named pipe: the launcher reads it,
// and its workers then wait for a second writer that never comes.
import Foundation
import Testing

@testable import Catalog

@Suite(.serialized) struct InterruptTests {
  /// Starts two workers that wait for ever; the body gets the launcher and them.
  private func withWaitingWorkers(
    _ body: (Process, [pid_t], Foundation.Pipe) throws -> Void
  ) throws {
    try Processes.inFolder { folder in
      let config = folder + "/config.yaml"
      #expect(mkfifo(config, 0o600) == 0)
      let builtin = try #require(BuiltinConfiguration.named("llama3/8B_qat_full"))
      let (process, _, stderr) = try Processes.start(
        ["run", "--nproc_per_node", "2", "qat_distributed", "--config", config], in: folder)
      defer { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
      // Opening waits for the launcher to open the other end.
      let writer = try #require(FileHandle(forWritingAtPath: config))
      try writer.write(contentsOf: Data(builtin.text.utf8))
      try writer.close()
      var workers: [pid_t] = []
      let pid = process.processIdentifier
      #expect(
        try Processes.comesTrue {
          workers = Processes.children(of: pid)
          return workers.count == 2
        })
      try body(process, workers, stderr)
      #expect(try Processes.comesTrue { !workers.contains(where: Processes.isAlive) })
    }
  }

  @Test(arguments: [SIGINT, SIGTERM]) func aSignalEndsAll(signal: Int32) throws {
    try withWaitingWorkers { process, _, _ in
      kill(process.processIdentifier, signal)
      process.waitUntilExit()
      #expect(process.terminationReason == .exit)
      #expect(process.terminationStatus == 128 + signal)
    }
  }

  @Test func aKilledLauncherTakesItsWorkersAlong() throws {
    try withWaitingWorkers { process, workers, _ in
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      #expect(process.terminationReason == .uncaughtSignal)
    }
  }

  @Test func aKilledWorkerIsNamed() throws {
    try withWaitingWorkers { process, workers, stderr in
      kill(try #require(workers.max()), SIGKILL)
      process.waitUntilExit()
      #expect(process.terminationStatus == 1)
      let text = String(
        decoding: try stderr.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
      #expect(
        text == "error: rank 1 was killed by signal 9 (SIGKILL)\n  All workers were stopped.\n")
    }
  }
}
