// A run has one configuration: `tune run` reads the file once, and what becomes of it afterwards changes no
// rank, while errors of workers still name its line.
import Foundation
import TestSupport
import Testing

struct CompositionRunTests {
  @Test func workersNeverReadTheFileAgain() throws {
    try Processes.inFolder { folder in
      let run = try TrainingRun(in: folder)
      let config = folder + "/train.yaml"
      let text = try String(contentsOfFile: config, encoding: .utf8)
        .replacing("gradient_accumulation_steps: 1", with: "gradient_accumulation_steps: 11")
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
      let line = try #require(lines.firstIndex { $0.hasPrefix("gradient_accumulation_steps") }) + 1
      // A pipe in the file's place gives its text once, and another file is there before it ends.
      try FileManager.default.removeItem(atPath: config)
      try #require(mkfifo(config, 0o600) == 0)
      let (process, stdout, stderr) = try Processes.start(
        ["run", "--nproc_per_node", "2"] + run.recipe(), in: folder)
      let pipe = try FileHandle(forWritingTo: URL(fileURLWithPath: config))
      try pipe.write(contentsOf: Data(text.utf8))
      try FileManager.default.removeItem(atPath: config)
      try "sead: 1".write(toFile: config, atomically: true, encoding: .utf8)
      try pipe.close()
      _ = try stdout.fileHandleForReading.readToEnd()
      let errors = String(
        decoding: try stderr.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
      process.waitUntilExit()
      #expect(process.terminationStatus == 1)
      #expect(
        errors.contains(
          "\(config):\(line): key 'gradient_accumulation_steps': an epoch has 5 batches"),
        "\(errors)")
    }
  }

  @Test func onlyALauncherHandsOver() throws {
    try Processes.inFolder { folder in
      let result = try Processes.run(["run", "generate", "--composed", "x.json"], in: folder)
      #expect(result.exitCode == 64 && result.stderr.contains("option '--composed'"))
    }
  }
}
