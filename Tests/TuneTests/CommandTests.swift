// The command line as users see it: help, output, errors and exit codes (Fixtures/commands.txt).
// With RECORD_SNAPSHOTS set, the test writes what it got beside the sources and fails.
import Foundation
import TestSupport
import Testing

struct CommandTests {
  /// One folder for all, so that later commands find what earlier ones wrote.
  static let commands: [[String]] = [
    [], ["--help"], ["download", "--help"], ["import", "--help"], ["ls", "--help"],
    ["cp", "--help"], ["cat", "--help"],
    ["validate", "--help"], ["run", "--help"], ["help", "run"], ["bogus"],
    ["ls"], ["ls", "qat_distributed"], ["ls", "qat_distribute"],
    ["cat", "qat_distributed"], ["cat", "nosuch"], ["cat", "llama3/8B_qat_ful"],
    ["cat", "nosuch.yaml"], ["cat", "generation", "--sort"],
    ["cp", "llama3/8B_qat_full", "my.yaml"], ["cp", "-n", "llama3/8B_qat_full", "my.yaml"],
    ["cp", "llama3/8B_qat_full", "noext"], ["cp", "generation", "."],
    ["cp", "generation", "new/x.yaml"], ["cp", "generation", "new/x.yaml", "--make-parents"],
    ["cp", "nosuch", "x.yaml"], ["cp", "generation"], ["cp", "qat_distribute", "x"],
    ["cp", "qat_distributed", "my_recipe"], ["cp", "qat_distributed", "my_recipe", "-n"],
    ["cp", "qat_distributed", "my-recipe"], ["cp", "qat_distributed", "no/recipe"],
    ["cp", "lora_finetune_distributed", "x"], ["run", "my_recipe"],
    ["run", "--nproc_per_node", "2", "my_recipe", "--config", "nosuch"],
    ["validate", "nosuch"], ["validate", "llama3_2/1B_lora", "model.lora_rank=4"],
    ["run", "lora_finetune_single_device", "--config", "llama3_2/1B_lora_single_device"],
    ["validate", "generation", "top_k=x"],
    ["validate", "generation", "--recipe", "quantize"], ["validate", "generation", "top_k"],
    ["run"], ["run", "nosuch"], ["run", "qat_distributed.py"], ["run", "qat_distributed"],
    ["run", "qat_distributed", "--config"], ["run", "qat_distributed", "--config", "nosuch"],
    ["run", "--config", "x", "qat_distributed"],
    ["run", "qat_distributed", "--config", "my.yaml", "--nproc_per_node", "2"],
    ["run", "qat_distributed", "--config", "my.yaml", "--config=b"],
    ["run", "qat_distributed", "--config", "my.yaml", "batch_size"],
    ["run", "--nproc_per_node", "2", "generate", "--config", "generation"],
    ["run", "--nproc-per-node", "x", "qat_distributed", "--config", "my.yaml"],
    ["run", "--nnodes", "2", "qat_distributed", "--config", "my.yaml"],
    ["run", "--max_restarts", "-1", "qat_distributed", "--config", "my.yaml"],
    ["run", "--node_rank", "x", "qat_distributed", "--config", "my.yaml"],
    ["run", "--nproc_per_node", "2", "qat_distributed", "--config", "my.yaml", "dtype=fp16"],
    ["run", "generate", "--help"],
  ]

  @Test func commandsAnswerAsRecorded() throws {
    try Processes.inFolder { folder in
      var text = ""
      for arguments in Self.commands {
        let result = try Processes.run(arguments, in: folder)
        text += "$ tune \(arguments.joined(separator: " "))\n\(result.stdout)"
        for line in result.stderr.split(separator: "\n") { text += "stderr: \(line)\n" }
        text += "[exit code \(result.exitCode)]\n\n"
      }
      text = text.replacing(URL(fileURLWithPath: folder).standardizedFileURL.path, with: "DIR")
      #expect(text == (try snapshot("TuneTests/Fixtures/commands.txt", recording: text)))
    }
  }

  /// Of anything that a user types: a crash is a signal, which the commands' answers never show.
  @Test func noErrorIsAStackTrace() throws {
    #expect(try isCrash(Program.run("/bin/sh", ["-c", "kill -ILL $$"])))
    #expect(try isCrash(Program.run("/bin/sh", ["-c", "echo 'Fatal error: x' >&2; exit 1"])))
    try Processes.inFolder { folder in
      for arguments in Self.commands {
        let result = try Processes.run(arguments, in: folder)
        #expect(!isCrash(result), "\(arguments): \(result.stderr)")
      }
    }
  }

  private func isCrash(_ result: Program.Result) -> Bool {
    result.exitCode > 128 || result.stderr.contains("Fatal error")
      || result.stderr.contains("crashed")
  }

  @Test func anEnvironmentThatMakesNoSenseIsAUsageError() throws {
    try Processes.inFolder { folder in
      let run = { (variables: [String: String]) in
        try Processes.run(
          ["run", "generate", "--config", "generation"], in: folder, environment: variables)
      }
      let single = try run(["RANK": "0", "WORLD_SIZE": "2"])
      #expect(single.exitCode == 64 && single.stderr.contains("WORLD_SIZE is 2"))
      let wrong = try run(["RANK": "2", "WORLD_SIZE": "1"])
      #expect(wrong.exitCode == 64 && wrong.stderr.contains("RANK is '2'"))
    }
  }
}
