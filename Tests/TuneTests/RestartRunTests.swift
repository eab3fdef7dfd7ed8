// Runs that go on after a worker or a machine is lost, and launchers that do not fit together, by real
// processes. Machines are launchers on loopback, or in network namespaces with a cable between them that is cut.
import Essentials
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct RestartRunTests {
  private struct Launched {
    let process: Process
    private let text: Reader

    /// What it has written to standard error, to its end.
    func end() -> String {
      process.waitUntilExit()
      return text.wait()
    }
    var said: String { text.text }

    final class Reader: @unchecked Sendable {
      private let lock = NSLock()
      private let done = DispatchSemaphore(value: 0)
      private var bytes: [UInt8] = []
      var text: String { lock.withLock { String(decoding: bytes, as: UTF8.self) } }
      init(_ pipe: Foundation.Pipe) {
        Thread.detachNewThread { [self] in
          while true {
            let more = pipe.fileHandleForReading.availableData
            if more.isEmpty { break }
            lock.withLock { bytes += more }
          }
          done.signal()
        }
      }
      func wait() -> String {
        _ = done.wait(timeout: .now() + 5)
        return text
      }
    }
    init(_ arguments: [String], in folder: String, environment: [String: String] = [:]) throws {
      let (process, _, stderr) = try Processes.start(
        arguments, in: folder, environment: environment)
      (self.process, text) = (process, Reader(stderr))
    }
    func kill(_ signal: Int32 = SIGKILL) {
      if process.isRunning { Foundation.kill(process.processIdentifier, signal) }
    }
  }

  /// The same steps without any end in between.
  private func expectUninterrupted(
    _ run: TrainingRun, _ overrides: [String], workers: Int, last: String
  ) throws {
    let result = try Processes.run(
      ["run", "--nproc_per_node", "\(workers)"] + run.recipe(overrides, output: "whole"),
      in: run.folder)
    #expect(result.exitCode == 0, "\(result.stderr)")
    #expect(try run.weights("out/\(last)") == run.weights("whole/\(last)"))
  }

  @Test(arguments: ["False", "True"]) func aDeadWorkerIsReplaced(asynchronous: String) throws {
    try Processes.inFolder { folder in
      let run = try TrainingRun(in: folder)
      let changes = [
        "epochs=12", "save_every_n_steps=3", "enable_async_checkpointing=\(asynchronous)",
      ]
      let launched = try Launched(
        ["run", "--nproc_per_node", "2", "--max_restarts", "1"] + run.recipe(changes), in: folder)
      defer { launched.kill() }
      #expect(try Processes.comesTrue { (try? run.losses().count > 8) ?? false })
      let workers = Processes.children(of: launched.process.processIdentifier).sorted()
      kill(try #require(workers.last), SIGKILL)
      let said = launched.end()
      #expect(launched.process.terminationStatus == 0, "\(said)")
      #expect(said.contains("was killed by signal 9 (SIGKILL)"), "\(said)")
      #expect(said.contains("restart 1 of 1") && said.contains("was restarted once"), "\(said)")
      #expect(try run.losses().count < 2 * 60, "the run went back to its beginning")
      try expectUninterrupted(run, changes, workers: 2, last: "epoch_11")
    }
  }

  @Test func restartsEnd() throws {
    try Processes.inFolder { folder in
      let run = try TrainingRun(in: folder)
      let launched = try Launched(
        ["run", "--nproc_per_node", "1", "--max_restarts", "1"] + run.recipe(["epochs=10000"]),
        in: folder)
      defer { launched.kill() }
      for count in 1...2 {
        #expect(
          try Processes.comesTrue { (try? run.losses().count > 3 * count) ?? false })
        let workers = Processes.children(of: launched.process.processIdentifier)
        let losses = try run.losses().count
        kill(try #require(workers.first), SIGKILL)
        if count == 1 {
          #expect(try Processes.comesTrue { try run.losses().count > losses + 1 })
        }
      }
      let said = launched.end()
      #expect(launched.process.terminationStatus == 1)
      #expect(said.contains("restarted 1 of 1 times"), "\(said)")
      // What fails again is not tried again.
      let wrong = try Processes.run(
        ["run", "--nproc_per_node", "1", "--max_restarts", "3"]
          + run.recipe(["checkpointer.checkpoint_dir=\(folder)/none"]), in: folder)
      #expect(wrong.exitCode == 1 && !wrong.stderr.contains("restart 1"), "\(wrong.stderr)")
    }
  }

  // MARK: Several nodes

  private func node(
    _ rank: Int?, _ nodes: String, _ endpoint: String, _ options: [String] = []
  ) -> [String] {
    ["run", "--nnodes", nodes, "--rdzv_endpoint", endpoint, "--nproc_per_node", "1"]
      + (rank.map { ["--node_rank", "\($0)"] } ?? []) + options
  }

  @Test(arguments: [0, 1]) func aNodeThatRefusesEndsTheOther(wrong: Int) throws {
    try Processes.inFolder { folder in
      let run = try TrainingRun(in: folder)
      let endpoint = "127.0.0.1:\(try freePort())"
      let started = ContinuousClock.now
      let nodes = try (0..<2).map {
        try Launched(
          node($0, "2", endpoint) + run.recipe($0 == wrong ? ["sead=1"] : []), in: folder)
      }
      defer { for node in nodes { node.kill() } }
      for (rank, node) in nodes.enumerated() {
        let said = node.end()
        #expect(node.process.terminationStatus == 1, "\(said)")
        #expect(said.contains("sead"), "\(said)")
        if rank != wrong { #expect(said.contains("node \(wrong)"), "\(said)") }
      }
      #expect(started.duration(to: .now) < .seconds(20))
    }
  }

  @Test func aLauncherWithAnotherSecretIsRefused() throws {
    try Processes.inFolder { folder in
      let run = try TrainingRun(in: folder)
      let endpoint = "127.0.0.1:\(try freePort())"
      func launch(_ rank: Int, _ letter: String) throws -> Launched {
        try Launched(
          node(rank, "2", endpoint) + run.recipe(["epochs=1"]), in: folder,
          environment: ["SWIFT_TUNE_SECRET": String(repeating: letter, count: 32)])
      }
      let host = try launch(0, "a")
      defer { host.kill() }
      let stranger = try launch(1, "b")
      defer { stranger.kill() }
      let refused = stranger.end()
      #expect(stranger.process.terminationStatus == 1)
      #expect(refused.contains("refused this launcher: their secrets differ"), "\(refused)")
      #expect(
        try Processes.comesTrue {
          host.said.contains("Refused node 1 at 127.0.0.1: it does not know this run's secret")
        })
      #expect(Processes.children(of: host.process.processIdentifier).isEmpty)
      // The run still waits for who knows it.
      let friend = try launch(1, "a")
      defer { friend.kill() }
      #expect([host.end(), friend.end()].allSatisfy { !$0.contains("error") })
      #expect(host.process.terminationStatus == 0 && friend.process.terminationStatus == 0)
      #expect(![refused, host.said].joined().contains("bbbb"))
    }
  }

  private static let quick = [
    "--rdzv_conf", "last_call_timeout=1,keep_alive_interval=1,keep_alive_max_attempt=3",
    "--max_restarts", "1",
  ]

  /// A launcher that dies is a machine that is gone; one that comes is taken in.
  @Test func machinesComeAndGo() throws {
    try Processes.inFolder { folder in
      let run = try TrainingRun(in: folder)
      let endpoint = "127.0.0.1:\(try freePort())"
      let changes = ["epochs=40", "save_every_n_steps=2", "save_on_interrupt=True"]
      func launch() throws -> Launched {
        try Launched(node(nil, "1:2", endpoint, Self.quick) + run.recipe(changes), in: folder)
      }
      let host = try launch()
      defer { host.kill() }
      #expect(try Processes.comesTrue { host.said.contains("Round 1: 1 nodes, 1 workers") })
      #expect(try Processes.comesTrue { (try? run.losses().count > 3) ?? false })
      let other = try launch()
      defer { other.kill() }
      #expect(try Processes.comesTrue { host.said.contains("Round 2: 2 nodes, 2 workers") })
      let losses = try run.losses().count
      #expect(try Processes.comesTrue { try run.losses().count > losses + 4 })
      other.kill()
      #expect(try Processes.comesTrue { host.said.contains("Round 3: 1 nodes, 1 workers") })
      let said = host.end()
      #expect(host.process.terminationStatus == 0, "\(said)")
      #expect(said.contains("is lost") && said.contains("restart 1 of 1"), "\(said)")
      #expect(said.contains("has joined"), "\(said)")
      #expect(run.exists("out/epoch_39/model.safetensors"))
    }
  }

  private static let hasNamespaces =
    geteuid() == 0
    && (try? Program.run("/bin/sh", ["-c", "ip netns add tunetest && ip netns del tunetest"]))?
      .exitCode == 0

  /// Two machines with a cable, which is cut without a word: the host goes on alone, and the other ends.
  @Test(.enabled(if: hasNamespaces)) func aCutCableIsNoticed() throws {
    try Processes.inFolder { folder in
      let names = ["a", "b"].map { "tune\(getpid())\($0)" }
      func shell(_ text: String) throws {
        let result = try Program.run("/bin/sh", ["-ec", text])
        #expect(result.exitCode == 0, "\(result.stderr)")
      }
      defer { try? shell("ip netns del \(names[0]); ip netns del \(names[1])") }
      try shell(
        """
        ip netns add \(names[0]); ip netns add \(names[1])
        ip link add cable netns \(names[0]) type veth peer name cable netns \(names[1])
        ip -n \(names[0]) addr add 10.77.0.1/24 dev cable
        ip -n \(names[1]) addr add 10.77.0.2/24 dev cable
        for name in \(names.joined(separator: " ")); do
          ip -n $name link set lo up
          ip -n $name link set cable up
        done
        """)
      let run = try TrainingRun(in: folder)
      let nodes = try (0..<2).map { index in
        let (process, _, stderr) = try Program.start(
          "/usr/bin/env",
          ["ip", "netns", "exec", names[index], Processes.tune.path]
            + node(nil, "1:2", "10.77.0.1:29511", Self.quick)
            + run.recipe(["epochs=40", "save_every_n_steps=2"]), in: folder,
          environment: [
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "SWIFT_TUNE_SECRET": String(repeating: "s", count: 32),
          ])
        return (process, Launched.Reader(stderr))
      }
      defer {
        for (process, _) in nodes where process.isRunning {
          kill(process.processIdentifier, SIGKILL)
        }
      }
      #expect(
        try Processes.comesTrue { nodes[0].1.text.contains("Round 1: 2 nodes, 2 workers") })
      #expect(try Processes.comesTrue { (try? run.losses().count > 4) ?? false })
      try shell("ip -n \(names[0]) link set cable down")
      #expect(try Processes.comesTrue { nodes[0].1.text.contains("Round 2: 1 nodes, 1 workers") })
      nodes[0].0.waitUntilExit()
      #expect(nodes[0].0.terminationStatus == 0, "\(nodes[0].1.text)")
      #expect(nodes[0].1.text.contains("was silent for 3 s"), "\(nodes[0].1.text)")
      #expect(run.exists("out/epoch_39/model.safetensors"))
      #expect(try Processes.comesTrue { nodes[1].1.text.contains("joining again") })
    }
  }
}
