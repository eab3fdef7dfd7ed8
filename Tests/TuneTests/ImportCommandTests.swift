// `tune import` as users run it: the folder, what is printed, and what is refused.
import Foundation
import TestSupport
import Testing

struct ImportCommandTests {
  private static let model = fixturePath("GGUFTests/Fixtures/llama_q8.gguf")

  @Test func modelFolderIsWritten() throws {
    try Processes.inFolder { folder in
      let result = try Processes.run(
        ["import", Self.model, "--output", "new/model", "--dtype", "bfloat16"], in: folder)
      #expect(result.exitCode == 0, "\(result.stderr)")
      #expect(
        result.stdout.hasPrefix(
          "Read llama with 0.0 M parameters (Q8_0, F32)\nWrote new/model: bfloat16, 0.1 MB in "))
      let names = try FileManager.default.contentsOfDirectory(atPath: folder + "/new/model")
      #expect(
        names.sorted() == [
          "config.json", "generation_config.json", "model.safetensors", "tokenizer.json",
          "tokenizer_config.json",
        ])
      // A pipe gets plain lines.
      #expect(!result.stderr.contains("\r") && !result.stderr.contains("\u{1B}"))
      let again = try Processes.run(
        ["import", Self.model, "--output", "new/model"], in: folder)
      #expect(again.exitCode == 64)
      #expect(again.stderr.contains("new/model: the folder is not empty\n  Choose a new folder"))
    }
  }

  @Test func mistakesAreNamed() throws {
    try Processes.inFolder { folder in
      let cases: [([String], Int32, String)] = [
        (["import", "none.gguf", "--output", "x"], 1, "none.gguf: cannot open the file"),
        (["import", ".", "--output", "x"], 1, "config.json: cannot open the file"),
        (["import", Self.model], 64, "--output"),
        (["import", Self.model, "--output", "x", "--dtype", "int8"], 64, "float32"),
        (
          ["import", Self.model, "--output", "x", "--tokenizer", "none"], 1,
          "none: no such file or folder"
        ),
      ]
      for (arguments, code, text) in cases {
        let result = try Processes.run(arguments, in: folder)
        #expect(result.exitCode == code && result.stderr.contains(text), "\(result.stderr)")
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
    }
  }
}
