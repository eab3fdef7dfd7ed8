// How a launched run ends from outside. The configuration is a named pipe: the launcher reads it,
// and its workers then wait for a second writer that never comes.
import Builtins
import Foundation
import TestSupport
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

  /// `save_on_interrupt`: the step is finished and saved, and the run resumes as if nothing had been.
  @Test(arguments: [
    (["qat_single_device"], "True"), (["--nproc_per_node", "2", "qat_distributed"], "False"),
  ])
  func anInterruptedRunSavesFirst(_ recipe: [String], asynchronous: String) throws {
    try Processes.inFolder { folder in
      let run = try TrainingRun(in: folder)
      let changes = ["save_on_interrupt=True", "enable_async_checkpointing=\(asynchronous)"]
      let command = { (more: [String], output: String) in
        ["run"] + recipe.dropLast()
          + run.recipe(changes + more, recipe: recipe[recipe.count - 1], output: output)
      }
      let (process, _, stderr) = try Processes.start(
        command(["epochs=10000", "max_steps_per_epoch=null"], "out"), in: folder)
      defer { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
      #expect(try Processes.comesTrue { (try? run.losses().count > 2) ?? false })
      kill(process.processIdentifier, SIGTERM)
      let text = String(
        decoding: try stderr.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
      process.waitUntilExit()
      #expect(process.terminationReason == .exit && process.terminationStatus == 128 + SIGTERM)
      #expect(text.contains("The run was interrupted. Saved \(folder)/out/"), "\(text.suffix(400))")
      #expect(text.contains("resume_from_checkpoint=True"), "\(text.suffix(400))")
      let steps = try run.losses()
      #expect(text.contains(" after step \(steps.count)."), "\(text.suffix(400))")
      let epochs = steps.count / (recipe.count > 1 ? 5 : 10) + 1
      for (output, resumes) in [("out", "True"), ("whole", "False")] {
        let result = try Processes.run(
          command(
            [
              "epochs=\(epochs)", "max_steps_per_epoch=null", "resume_from_checkpoint=\(resumes)",
            ], output), in: folder)
        #expect(result.exitCode == 0, "\(result.stderr)")
      }
      #expect(
        try run.weights("out/epoch_\(epochs - 1)") == run.weights("whole/epoch_\(epochs - 1)"))
    }
  }

  /// A step that takes long is not waited for by who asks twice.
  @Test(arguments: [["qat_single_device"], ["--nproc_per_node", "2", "qat_distributed"]])
  func aSecondInterruptEndsAtOnce(_ recipe: [String]) throws {
    try Processes.inFolder { folder in
      let run = try TrainingRun(in: folder)
      // The data ten thousand times, so that the first step takes minutes.
      let records = try String(
        contentsOfFile: fixturePath("TrainingTests/Fixtures/alpaca.json"), encoding: .utf8)
      let one = try #require(
        records.split(separator: "{").dropFirst().first?.split(separator: "}").first)
      try ("[" + Array(repeating: "{\(one)}", count: 40_000).joined(separator: ",") + "]")
        .write(toFile: folder + "/data.json", atomically: true, encoding: .utf8)
      let (process, _, stderr) = try Processes.start(
        ["run"] + recipe.dropLast()
          + run.recipe(
            [
              "save_on_interrupt=True", "gradient_accumulation_steps=10000", "log_level=INFO",
              "dataset.data_files=\(folder)/data.json", "max_steps_per_epoch=1", "batch_size=1",
            ], recipe: recipe[recipe.count - 1]), in: folder)
      defer { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
      var text = ""
      let output = stderr.fileHandleForReading
      func hear(_ word: String) {
        while !text.contains(word) {
          let more = output.availableData
          if more.isEmpty { break }
          text += String(decoding: more, as: UTF8.self)
        }
      }
      hear("steps an epoch")
      usleep(500_000)
      kill(process.processIdentifier, SIGTERM)
      hear("A second signal ends it at once")
      #expect(process.isRunning)
      kill(process.processIdentifier, SIGTERM)
      process.waitUntilExit()
      #expect(process.terminationReason == .exit && process.terminationStatus == 128 + SIGTERM)
      #expect(!run.exists("out/step_1"))
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
