// `tune` answers at once because it is not linked with libtorch; the program beside it, which runs recipes, is.
import Foundation
import TestSupport
import Testing

struct StartTests {
  @Test func onlyTheWorkerIsLinkedWithLibtorch() throws {
    let worker = Processes.tune.deletingLastPathComponent().appendingPathComponent("tune-worker")
    let name = Data("libtorch_cpu.so".utf8)
    #expect(try Data(contentsOf: Processes.tune, options: .alwaysMapped).range(of: name) == nil)
    #expect(try Data(contentsOf: worker, options: .alwaysMapped).range(of: name) != nil)
  }

  @Test func tuneAloneSaysWhatIsMissing() throws {
    try Processes.inFolder { folder in
      let alone = URL(fileURLWithPath: folder + "/tune")
      try FileManager.default.copyItem(at: Processes.tune, to: alone)
      let result = try Program.run(
        alone.path, ["run", "generate", "--config", "generation"])
      let said = result.stderr
      #expect(result.exitCode == 1)
      #expect(said.contains("tune-worker not found"))
      #expect(said.contains("tune-worker"))
    }
  }

  /// Kernels can be forced, and a misspelt one never runs as another.
  @Test func unknownKernelsAreRefused() throws {
    try Processes.inFolder { folder in
      let refused = try Processes.run(
        ["run", "generate", "--config", "generation"], in: folder,
        environment: ["TUNE_KERNELS": "avx99"])
      #expect(refused.exitCode == 64)
      #expect(refused.stderr.contains("TUNE_KERNELS 'avx99' is not supported on this processor"))
      #expect(refused.stderr.contains("portable"))
    }
  }
}
