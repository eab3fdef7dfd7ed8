// How a launched run ends from outside. The configuration is a named pipe: the launcher reads it,
// and its workers then wait for a second writer that never comes.
import Builtins
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

  /// It says how to go on, in one process and in several.
  @Test(arguments: [["qat_single_device"], ["--nproc_per_node", "2", "qat_distributed"]])
  func anInterruptedRunSaysHowToResume(_ recipe: [String]) throws {
    try Processes.inFolder { folder in
      let run = try TrainingRun(in: folder)
      let (process, _, stderr) = try Processes.start(
        ["run"] + recipe.dropLast()
          + run.recipe(["epochs=10000", "save_every_n_steps=1"], recipe: recipe[recipe.count - 1]),
        in: folder)
      defer { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
      #expect(try Processes.comesTrue { run.exists("out/recipe_state/recipe_state.safetensors") })
      usleep(200_000)
      // A test in the background of a shell has SIGINT ignored, and so have its programs.
      kill(process.processIdentifier, SIGTERM)
      let text = String(
        decoding: try stderr.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
      process.waitUntilExit()
      #expect(process.terminationReason == .exit && process.terminationStatus == 128 + SIGTERM)
      #expect(text.contains("The run was interrupted."), "\(text.suffix(300))")
      #expect(text.contains("resume_from_checkpoint=True"), "\(text.suffix(300))")
    }
  }

  /// Who reads the messages may go away; the training goes on.
  @Test(arguments: [["qat_single_device"], ["--nproc_per_node", "2", "qat_distributed"]])
  func aReaderWhoGoesAwayEndsNothing(_ recipe: [String]) throws {
    try Processes.inFolder { folder in
      let run = try TrainingRun(in: folder)
      let (process, _, stderr) = try Processes.start(
        ["run"] + recipe.dropLast()
          + run.recipe(["epochs=1", "log_level=INFO"], recipe: recipe[recipe.count - 1]), in: folder
      )
      _ = try stderr.fileHandleForReading.read(upToCount: 1)
      try stderr.fileHandleForReading.close()
      process.waitUntilExit()
      #expect(process.terminationReason == .exit && process.terminationStatus == 0)
      #expect(run.exists("out/epoch_0/model.safetensors"))
    }
  }

  /// The workers' sockets, as the system lists them: none listens on every address.
  @Test func noSocketOfOneMachineIsOpenToOthers() throws {
    try Processes.inFolder { folder in
      let run = try TrainingRun(in: folder)
      let (process, _, _) = try Processes.start(
        ["run", "--nproc_per_node", "2"] + run.recipe(["epochs=10000"]), in: folder)
      defer { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
      #expect(try Processes.comesTrue { (try? run.losses().count > 2) ?? false })
      var sockets: Set<Substring> = []
      for worker in Processes.children(of: process.processIdentifier) {
        let folder = "/proc/\(worker)/fd"
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
          let target = try? FileManager.default.destinationOfSymbolicLink(
            atPath: folder + "/" + name)
          if let target, target.hasPrefix("socket:[") {
            sockets.insert(target.dropFirst(8).dropLast())
          }
        }
      }
      var listening: [Substring] = []
      for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let text = (try? String(contentsOfFile: table, encoding: .utf8)) ?? ""
        for line in text.split(separator: "\n").dropFirst() {
          let fields = line.split(separator: " ")
          if fields[3] == "0A", sockets.contains(fields[9]) { listening.append(fields[1]) }
        }
      }
      #expect(!listening.isEmpty)
      #expect(listening.allSatisfy { $0.hasPrefix("0100007F:") }, "\(listening)")
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
        text == "error: rank 1 was killed by signal 9 (SIGKILL)\n  All workers were stopped. "
          + "Linux kills processes so when the machine runs out of memory.\n")
    }
  }
}
