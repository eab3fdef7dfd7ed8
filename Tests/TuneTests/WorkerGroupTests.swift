// The launcher with small shell scripts as workers: who fails is named, and nobody is left behind.
import Builtins
import Essentials
import Foundation
import Testing

@testable import Catalog
@testable import Configuration
@testable import Launching

@Suite(.serialized) struct WorkerGroupTests {
  @discardableResult
  private func run(
    _ script: String, workers: Int, in folder: String, grace: Duration = .seconds(5),
    logs: LaunchLogs? = nil, configuration: ComposedConfiguration? = nil, timeout: Int? = nil
  ) throws -> WorkerGroup.Outcome {
    let address = WorkerEnvironment.single
    var plan = LaunchPlan(
      workers: (0..<workers).map {
        var worker = address
        (worker.rank, worker.localRank) = ($0, $0)
        (worker.worldSize, worker.localWorldSize, worker.masterPort) = (workers, workers, 1234)
        return worker
      })
    plan.gracePeriod = grace
    plan.logs = logs
    plan.timeout = timeout ?? plan.timeout
    let command = WorkerCommand(
      executable: "/bin/sh", arguments: ["-c", script],
      environment: ["DIR": folder, "PATH": "/usr/bin:/bin"], configuration: configuration)
    return try WorkerGroup(command, plan: plan).run()
  }

  private func text(_ folder: String, _ name: String) throws -> String {
    try String(contentsOfFile: folder + "/" + name, encoding: .utf8)
  }

  /// Whether a process that a script noted under `name` is still there.
  private func isAlive(_ folder: String, _ name: String) throws -> Bool {
    let text = try text(folder, name).trimmingCharacters(in: .whitespacesAndNewlines)
    return Processes.isAlive(try #require(pid_t(text)))
  }

  @Test func workersKnowTheirPlace() throws {
    try Processes.inFolder { folder in
      let outcome = try run(
        "echo $RANK $LOCAL_RANK $WORLD_SIZE $LOCAL_WORLD_SIZE $GROUP_RANK $MASTER_ADDR "
          + "$MASTER_PORT > $DIR/$RANK; test $OMP_NUM_THREADS -ge 1", workers: 3, in: folder)
      #expect(outcome == .succeeded)
      for rank in 0..<3 {
        #expect(try text(folder, "\(rank)") == "\(rank) \(rank) 3 3 0 127.0.0.1 1234\n")
      }
    }
  }

  @Test func aFailingWorkerEndsAllAndIsNamed() throws {
    try Processes.inFolder { folder in
      let error = try #require(throws: TuneError.self) {
        try run(
          """
          echo $$ > $DIR/$RANK
          if [ $RANK = 1 ]; then
            printf 'the disk is full' > $SWIFT_TUNE_ERROR_FILE
            exit 7
          fi
          sleep 600
          """, workers: 3, in: folder)
      }
      #expect(error.code == .worker && error.exitCode == 1)
      #expect(error.message == "rank 1 ended with exit code 7:\nthe disk is full")
      #expect(try !isAlive(folder, "0"))
      #expect(try !isAlive(folder, "2"))
    }
  }

  @Test func aKilledWorkerEndsAllAndItsSignalIsNamed() throws {
    try Processes.inFolder { folder in
      let error = try #require(throws: TuneError.self) {
        try run(
          "echo $$ > $DIR/$RANK; if [ $RANK = 2 ]; then kill -9 $$; fi; sleep 600",
          workers: 3, in: folder)
      }
      #expect(error.message == "rank 2 was killed by signal 9 (SIGKILL)")
      #expect(try !isAlive(folder, "0"))
      #expect(try !isAlive(folder, "1"))
    }
  }

  /// The workers that lose their peer fail too, and may be seen first.
  @Test func theCauseIsNamedAndNotWhatFollowedFromIt() throws {
    try Processes.inFolder { folder in
      let byError = try #require(throws: TuneError.self) {
        try run(
          """
          echo $$ > $DIR/$RANK
          if [ $RANK = 1 ]; then
            printf cause > $SWIFT_TUNE_ERROR_FILE
            touch $DIR/failed
            while kill -0 $(cat $DIR/0); do sleep 0.02; done
            exit 1
          fi
          while [ ! -e $DIR/failed ]; do sleep 0.02; done
          printf consequence > $SWIFT_TUNE_ERROR_FILE
          exit 1
          """, workers: 2, in: folder)
      }
      #expect(byError.message == "rank 1 ended with exit code 1:\ncause")
      let bySignal = try #require(throws: TuneError.self) {
        try run(
          """
          if [ $RANK = 0 ]; then echo $$ > $DIR/pid; exit 1; fi
          while [ ! -s $DIR/pid ] || kill -0 $(cat $DIR/pid); do sleep 0.02; done
          kill -9 $$
          """, workers: 2, in: folder)
      }
      #expect(bySignal.message == "rank 1 was killed by signal 9 (SIGKILL)")
    }
  }

  @Test func whoIgnoresSIGTERMIsKilled() throws {
    try Processes.inFolder { folder in
      let error = try #require(throws: TuneError.self) {
        try run(
          """
          trap '' TERM
          echo $$ > $DIR/$RANK
          if [ $RANK = 1 ]; then
            while [ ! -s $DIR/0 ]; do sleep 0.02; done
            exit 3
          fi
          while true; do sleep 1; done
          """, workers: 2, in: folder, grace: .seconds(1))
      }
      #expect(error.message == "rank 1 ended with exit code 3")
      #expect(try !isAlive(folder, "0"))
    }
  }

  /// The others wait for it, and one computes longer than a worker may stand still.
  @Test func aWorkerThatHangsIsNamed() throws {
    try Processes.inFolder { folder in
      let error = try #require(throws: TuneError.self) {
        try run(
          """
          case $RANK in
            0) printf '\\001' > $SWIFT_TUNE_WAITING_FILE; exec sleep 600;;
            1) printf '\\001' > $SWIFT_TUNE_WAITING_FILE; kill -STOP $$;;
            2) while true; do :; done;;
          esac
          """, workers: 3, in: folder, grace: .seconds(1), timeout: 2)
      }
      #expect(error.message.hasPrefix("rank 1 is stopped: for 2 s"), "\(error)")
      #expect(error.remedy?.contains("--timeout") == true)
      let idle = try #require(throws: TuneError.self) {
        try run("exec sleep 600", workers: 1, in: folder, grace: .seconds(1), timeout: 2)
      }
      #expect(idle.message.hasPrefix("rank 0 hangs: for 2 s"), "\(idle)")
    }
  }

  @Test func workersKnowTheTimeout() throws {
    try Processes.inFolder { folder in
      let outcome = try run(
        "test $SWIFT_TUNE_TIMEOUT = 77", workers: 1, in: folder, timeout: 77)
      #expect(outcome == .succeeded)
    }
    var worker = WorkerEnvironment.single
    (worker.worldSize, worker.localWorldSize) = (4, 2)
    let variables = ["SWIFT_TUNE_TIMEOUT": "100"]
    #expect(WorkerTimeout.seconds(variables, worker) == (100, 300))
    worker.localWorldSize = 4
    #expect(WorkerTimeout.seconds(variables, worker) == (100, WorkerTimeout.longest))
    #expect(WorkerTimeout.seconds([:], worker) == (300, 1800))
  }

  @Test func scratchFoldersOfKilledLaunchersAreRemoved() throws {
    try Processes.inFolder { folder in
      let names = { try FileManager.default.contentsOfDirectory(atPath: folder).sorted() }
      try FileManager.default.createDirectory(
        atPath: folder + "/tune-launch-old/inside", withIntermediateDirectories: true)
      do {
        let first = try ScratchFolder(in: folder)
        let second = try ScratchFolder(in: folder)
        #expect(
          try names()
            == [first.path, second.path].map { String($0.dropFirst(folder.count + 1)) }
            .sorted())
      }
      #expect(try names() == [])
    }
  }

  @Test func grandchildrenEndToo() throws {
    try Processes.inFolder { folder in
      #expect(throws: TuneError.self) {
        try run(
          """
          if [ $RANK = 1 ]; then
            while [ ! -s $DIR/child ]; do sleep 0.02; done
            exit 1
          fi
          sleep 600 &
          echo $! > $DIR/child
          wait
          """, workers: 2, in: folder)
      }
      let isOver = try Processes.comesTrue { try !isAlive(folder, "child") }
      #expect(isOver)
    }
  }

  /// What a worker watches: the pipe ends when its launcher does. Here it ends when `run` returns,
  /// because a worker that left a process behind must not keep it.
  @Test func workersHaveALifeline() throws {
    try Processes.inFolder { folder in
      try run(
        """
        test "$SWIFT_TUNE_LIFELINE" = 3 || exit 1
        (read nothing <&3; echo gone > $DIR/$RANK) > /dev/null 2>&1 &
        """, workers: 2, in: folder)
      for rank in 0..<2 {
        #expect(
          try Processes.comesTrue { FileManager.default.fileExists(atPath: "\(folder)/\(rank)") })
      }
    }
  }

  @Test func aClosedLifelineIsNoticed() throws {
    let pipe = try #require(Pipe())
    let noticed = DispatchSemaphore(value: 0)
    Lifeline.watch(pipe.readingEnd) { noticed.signal() }
    close(pipe.writingEnd)
    #expect(noticed.wait(timeout: .now() + 20) == .success)
    close(pipe.readingEnd)
  }

  @Test func logsKeepTheOutputOfEachWorker() throws {
    try Processes.inFolder { folder in
      var options = LaunchOptions()
      options.logFolder = folder + "/logs"
      options.redirects = "3"
      try run(
        "echo out $RANK; echo err $RANK >&2", workers: 2, in: folder,
        logs: try LaunchLogs(options))
      #expect(try text(folder, "logs/0/stdout.log") == "out 0\n")
      #expect(try text(folder, "logs/1/stderr.log") == "err 1\n")
    }
  }

  /// And nothing of it is left, however the run ends.
  @Test(arguments: [0, 1]) func workersGetTheComposedConfiguration(exitCode: Int) throws {
    try Processes.inFolder { folder in
      let composed = try ComposedConfiguration("generation", overrides: ["seed=3"])
      let group = {
        try run(
          #"test $0 = --composed && stat -c %a "$1" > $DIR/mode.$RANK && cp "$1" $DIR/$RANK; "#
            + #"echo "$1" > $DIR/path.$RANK; exit \#(exitCode)"#,
          workers: 2, in: folder, configuration: composed)
      }
      if exitCode == 0 {
        #expect(try group() == .succeeded)
      } else {
        #expect(throws: TuneError.self) { try group() }
      }
      // The first to fail ends the other.
      let rank = try #require((0..<2).first { (try? text(folder, "path.\($0)")) != nil })
      #expect(try ComposedConfiguration(handedOverIn: "\(folder)/\(rank)") == composed)
      #expect(try text(folder, "mode.\(rank)") == "600\n")
      let path = try text(folder, "path.\(rank)").trimmingCharacters(in: .newlines)
      #expect(!FileManager.default.fileExists(atPath: path))
    }
  }

  @Test func aCommandThatIsNotThereIsAnError() {
    let command = WorkerCommand(executable: "/nonexistent", arguments: [], environment: [:])
    #expect(throws: TuneError.self) {
      try WorkerGroup(command, plan: LaunchPlan(workers: [.single])).run()
    }
  }

  @Test func outputIsPrefixedLineByLine() throws {
    let (source, console) = (try #require(Pipe()), try #require(Pipe()))
    let done = DispatchGroup()
    OutputPump(prefix: "[rank 1] ", console: console.writingEnd, log: nil)
      .start(from: source.readingEnd, done)
    let output = FileHandle(fileDescriptor: source.writingEnd, closeOnDealloc: false)
    for part in ["one\ntw", "o\n\n", "10%\r20%\r30%\nlast"] {
      try output.write(contentsOf: Data(part.utf8))
    }
    close(source.writingEnd)
    done.wait()
    close(console.writingEnd)
    let seen = try FileHandle(fileDescriptor: console.readingEnd, closeOnDealloc: true)
      .readToEnd()
    #expect(
      String(decoding: try #require(seen), as: UTF8.self)
        == "[rank 1] one\n[rank 1] two\n[rank 1] \n[rank 1] 30%\n[rank 1] last\n")
  }
}
