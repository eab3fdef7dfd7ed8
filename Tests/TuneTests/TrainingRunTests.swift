// Training by real processes: launched here, over two nodes, by another's launcher; what it computes,
// and how it ends when a worker or the disk fails.
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct TrainingRunTests {
  /// What torchtune 0.6.1's own qat_distributed logged on two ranks, as far as the records go.
  private static let golden = [
    6.995375156402588, 6.604428768157959, 6.339030742645264, 6.048550605773926,
    5.856494426727295,
  ]
  private static let goldenInBackward = [
    6.995375156402588, 6.604150295257568, 6.341393947601318, 6.0515031814575195,
  ]
  private static let goldenBF16 = [
    6.9974284172058105, 6.611964225769043, 6.350183010101318, 6.05993127822876,
    5.870514392852783,
  ]

  /// Integer products are exact where the reference adds rounded ones, after which values fall on the
  /// other side of a rounding step: up to 8e-3 within these steps (GoldenTrainingTests).
  private func expect(
    _ losses: [Double], near golden: [Double] = golden, first: Double = 5e-5,
    _ location: SourceLocation = #_sourceLocation
  ) {
    #expect(losses.count == golden.count, sourceLocation: location)
    for (step, (loss, golden)) in zip(losses, golden).enumerated() {
      let bound = step == 0 ? first : 8e-3
      #expect(abs(loss - golden) < bound, "\(losses)", sourceLocation: location)
    }
  }

  @Test func twoWorkersReproduceTheReference() throws {
    try Processes.inFolder { folder in
      let run = try TrainingRun(in: folder)
      let result = try Processes.run(
        ["run", "--nproc_per_node", "2"] + run.recipe(), in: folder)
      #expect(result.exitCode == 0, "\(result.stderr)")
      expect(try run.losses())
      #expect(run.exists("out/epoch_0/config.json"))
    }
  }

  @Test func steppingInBackwardReproducesTheReference() throws {
    try Processes.inFolder { folder in
      let run = try TrainingRun(in: folder)
      let result = try Processes.run(
        ["run", "--nproc_per_node", "2"]
          + run.recipe(["optimizer_in_bwd=True", "max_steps_per_epoch=4"]), in: folder)
      #expect(result.exitCode == 0, "\(result.stderr)")
      expect(try run.losses(), near: Self.goldenInBackward)
    }
  }

  /// A bf16 product has 8 bits; its sum is rounded to them in another order.
  @Test func bf16ReproducesTheReference() throws {
    try Processes.inFolder { folder in
      let run = try TrainingRun(in: folder)
      let result = try Processes.run(
        ["run", "--nproc_per_node", "2"] + run.recipe(["dtype=bf16"]), in: folder)
      #expect(result.exitCode == 0, "\(result.stderr)")
      expect(try run.losses(), near: Self.goldenBF16, first: 1e-3)
    }
  }

  @Test func twoNodesEqualOne() throws {
    try Processes.inFolder { folder in
      let run = try TrainingRun(in: folder)
      let endpoint = "127.0.0.1:\(try freePort())"
      let nodes = try (0..<2).map { node in
        try Processes.start(
          [
            "run", "--nnodes", "2", "--node_rank", "\(node)", "--rdzv_endpoint", endpoint,
            "--nproc_per_node", "1",
          ] + run.recipe(), in: folder)
      }
      for node in nodes {
        node.process.waitUntilExit()
        #expect(node.process.terminationStatus == 0)
      }
      expect(try run.losses())
    }
  }

  @Test func workersOfAnotherLauncherEqualOurs() throws {
    try Processes.inFolder { folder in
      let run = try TrainingRun(in: folder)
      let port = try freePort()
      let workers = try (0..<2).map { rank in
        try Processes.start(
          ["run"] + run.recipe(), in: folder,
          environment: [
            "RANK": "\(rank)", "LOCAL_RANK": "\(rank)", "WORLD_SIZE": "2",
            "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "\(port)",
          ])
      }
      for worker in workers {
        worker.process.waitUntilExit()
        #expect(worker.process.terminationStatus == 0)
      }
      expect(try run.losses())
    }
  }

  @Test func aKilledWorkerEndsTheRun() throws {
    try Processes.inFolder { folder in
      let run = try TrainingRun(in: folder)
      let (process, _, stderr) = try Processes.start(
        ["run", "--nproc_per_node", "2"] + run.recipe(["epochs=10000"]), in: folder)
      defer { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
      #expect(try Processes.comesTrue { (try? run.losses().count > 6) ?? false })
      let workers = Processes.children(of: process.processIdentifier).sorted()
      try #require(workers.count == 2)
      let killed = ContinuousClock.now
      kill(workers[1], SIGKILL)
      // Read to the end, so that a full pipe stops nobody.
      let text = String(
        decoding: try stderr.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
      process.waitUntilExit()
      #expect(process.terminationStatus == 1)
      #expect(text.contains("rank 1 was killed by signal 9 (SIGKILL)"), "\(text.suffix(500))")
      // Promised to the user, not a measurement.
      #expect(killed.duration(to: .now) < .seconds(10))
      #expect(try Processes.comesTrue { !workers.contains(where: Processes.isAlive) })
      try expectItGoesOn(run)
    }
  }

  /// What was saved before the end is whole: the run goes on from it, to the bit as if it had never
  /// stopped.
  private func expectItGoesOn(_ run: TrainingRun) throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: run.folder + "/out")
    let saved = names.filter { $0.hasPrefix("epoch_") && !$0.contains(".") }.count
    #expect(saved > 0)
    for (output, resumes) in [("out", "True"), ("whole", "False")] {
      let result = try Processes.run(
        ["run", "--nproc_per_node", "2"]
          + run.recipe(
            ["epochs=\(saved + 1)", "resume_from_checkpoint=\(resumes)"], output: output),
        in: run.folder)
      #expect(result.exitCode == 0, "\(result.stderr)")
    }
    #expect(try run.weights("out/epoch_\(saved)") == run.weights("whole/epoch_\(saved)"))
  }

  /// A limit on the size of files stands for the full disk: the model's 2.3 MB fit, the optimizer's
  /// state of twice that does not.
  @Test func aFullDiskLosesNothingSaved() throws {
    try Processes.inFolder { folder in
      let run = try TrainingRun(in: folder)
      let first = try Processes.run(
        ["run"] + run.recipe(["epochs=1", "max_steps_per_epoch=1"]), in: folder)
      #expect(first.exitCode == 0, "\(first.stderr)")
      let saved = try run.weights("out/epoch_0")
      for (kilobytes, overrides) in [(1000, ["epochs=1"]), (3000, ["epochs=2"])] {
        let result = try Program.run(
          "/bin/bash",
          ["-c", "ulimit -f \(kilobytes); exec \"$0\" \"$@\"", Processes.tune.path, "run"]
            + run.recipe(overrides + ["max_steps_per_epoch=2"]),
          environment: ["PATH": "/usr/bin:/bin"])
        let text = result.stderr
        #expect(result.exitCode == 1)
        #expect(text.contains("error: \(folder)/out/"), "\(text)")
        #expect(text.contains("File too large"), "\(text)")
        if kilobytes == 1000 { #expect(try run.weights("out/epoch_0") == saved) }
        #expect(!run.exists("out/recipe_state/recipe_state.safetensors"))
        let names = try FileManager.default.contentsOfDirectory(atPath: folder + "/out")
        #expect(
          Set(names).subtracting(["recipe_state"]) == ["epoch_0", "logs", "torchtune_config.yaml"])
      }
    }
  }

  /// The same in the background: the model and its optimizer's state of 6.9 MB, in two files.
  @Test func aFullDiskInTheBackgroundLosesNothingSaved() throws {
    try Processes.inFolder { folder in
      let run = try TrainingRun(in: folder)
      let changes = ["epochs=2", "save_every_n_steps=2", "enable_async_checkpointing=True"]
      let first = try Processes.run(
        ["run", "--nproc_per_node", "2"] + run.recipe(changes + ["max_steps_per_epoch=3"]),
        in: folder)
      #expect(first.exitCode == 0, "\(first.stderr)")
      let manifest = try String(
        contentsOfFile: folder + "/out/step_2/manifest.json", encoding: .utf8)
      let result = try Program.run(
        "/bin/bash",
        [
          "-c", "ulimit -f 2500; exec \"$0\" \"$@\"", Processes.tune.path, "run",
          "--nproc_per_node", "2",
        ] + run.recipe(changes), environment: ["PATH": "/usr/bin:/bin"])
      let text = result.stderr
      #expect(result.exitCode == 1)
      #expect(text.contains("\(folder)/out/step_2/shard-0000"), "\(text)")
      #expect(text.contains("File too large"), "\(text)")
      #expect(
        try String(contentsOfFile: folder + "/out/step_2/manifest.json", encoding: .utf8)
          == manifest)
      let resumed = try Processes.run(
        ["run", "--nproc_per_node", "2"]
          + run.recipe(changes + ["resume_from_checkpoint=True", "epochs=3"]), in: folder)
      #expect(resumed.exitCode == 0, "\(resumed.stderr)")
    }
  }

  /// Killed at any moment, the folder has whole saves only, and the run resumes to the same end.
  @Test func killsInTheBackgroundLoseNothingSaved() throws {
    try Processes.inFolder { folder in
      let run = try TrainingRun(in: folder)
      let changes = ["epochs=8", "save_every_n_steps=1", "enable_async_checkpointing=True"]
      for round in 0..<5 {
        let (process, _, _) = try Processes.start(
          ["run", "--nproc_per_node", "2"]
            + run.recipe(changes + (round > 0 ? ["resume_from_checkpoint=True"] : [])), in: folder)
        defer { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
        let before = (try? run.losses().count) ?? 0
        #expect(try Processes.comesTrue { (try? run.losses().count > before + 4) ?? false })
        usleep(UInt32.random(in: 0...40_000))
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
      }
      for (output, resumes) in [("out", "True"), ("whole", "False")] {
        let result = try Processes.run(
          ["run", "--nproc_per_node", "2"]
            + run.recipe(changes + ["resume_from_checkpoint=\(resumes)"], output: output),
          in: folder)
        #expect(result.exitCode == 0, "\(result.stderr)")
        #expect(!result.stderr.contains("Trying an earlier save"), "\(result.stderr)")
      }
      #expect(try run.weights("out/epoch_7") == run.weights("whole/epoch_7"))
    }
  }

  /// The other rank fails too, in a collective; that is not what the user can mend.
  @Test func theErrorOfTheWorkerThatFailedFirstIsShown() throws {
    try Processes.inFolder { folder in
      let run = try TrainingRun(in: folder)
      let record = { (text: String) in #"{"instruction":"a","input":"","output":"\#(text)"}"# + "\n"
      }
      let long = String(repeating: "word ", count: 900)
      // The fourth record is rank 1's second.
      try (["b", "b", "b", long, "b", "b"].map(record).joined())
        .write(toFile: folder + "/data.json", atomically: true, encoding: .utf8)
      let result = try Processes.run(
        ["run", "--nproc_per_node", "2"]
          + run.recipe([
            "batch_size=1", "dataset.data_files=\(folder)/data.json", "tokenizer.max_seq_len=null",
          ]), in: folder)
      #expect(result.exitCode == 1)
      #expect(
        result.stderr.contains(
          "error: rank 1 ended with exit code 1:\nkey 'tokenizer.max_seq_len': a sample of "),
        "\(result.stderr)")
    }
  }

  @Test func anErrorIsShownOnceWithExitCodeOne() throws {
    try Processes.inFolder { folder in
      let run = try TrainingRun(in: folder)
      let result = try Processes.run(
        ["run", "--nproc_per_node", "2"]
          + run.recipe(["checkpointer.checkpoint_dir=\(folder)/none"]), in: folder)
      #expect(result.exitCode == 1)
      let shown = result.stderr.components(separatedBy: "the model folder is not there").count - 1
      #expect(shown == 1, "\(result.stderr)")
      let key = try Processes.run(["run"] + run.recipe(["sead=1"]), in: folder)
      #expect(key.exitCode == 1 && key.stderr.contains("Did you mean 'seed'?"), "\(key.stderr)")
    }
  }
}
