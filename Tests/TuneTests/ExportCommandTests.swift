// `tune export`, `tune verify` and `tune import` of a folder as users run them: what is written, what is printed,
// the exit status, and what is refused.
import Foundation
import TestSupport
import Testing

struct ExportCommandTests {
  private static let model = fixturePath("GGUFTests/Fixtures/llama_q8.gguf")

  @Test func whatIsExportedIsVerified() throws {
    try Processes.inFolder { folder in
      func run(_ words: String...) throws -> Program.Result { try Processes.run(words, in: folder) }
      #expect(try run("import", Self.model, "--output", "model").exitCode == 0)
      let export = try run(
        "export", "model", "--scheme", "gguf-q8_0", "--format", "gguf", "--output", "out.gguf")
      #expect(export.exitCode == 0, "\(export.stderr)")
      #expect(export.stdout.contains("All codes and scales are those of training."))
      #expect(!export.stderr.contains("\u{1B}"))
      let against = ["--against", "model", "--scheme", "gguf-q8_0"]
      let same = try Processes.run(["verify", "out.gguf"] + against, in: folder)
      #expect(same.exitCode == 0 && same.stdout.contains("out.gguf (gguf) holds what model holds"))

      // One bit of a code or scale of the last tensor, before what fills it up.
      let path = URL(fileURLWithPath: folder + "/out.gguf")
      var data = try Data(contentsOf: path)
      data[data.count - 64] ^= 1
      try data.write(to: path)
      let other = try Processes.run(["verify", "out.gguf"] + against, in: folder)
      #expect(other.exitCode == 1 && other.stdout.contains("differs from model"), "\(other.stdout)")

      let again = try run(
        "export", "model", "--scheme", "gguf-q8_0", "--format", "gguf", "--output", "out.gguf")
      #expect(again.exitCode == 64 && again.stderr.contains("out.gguf: the file is there already"))
      let mlx = try run(
        "export", "model", "--scheme", "mlx-4bit", "--format", "mlx", "--output", "mlx")
      if mlx.exitCode == 0 {
        let imported = try run("import", "mlx", "--output", "back", "--dtype", "bfloat16")
        #expect(imported.exitCode == 0 && imported.stdout.hasPrefix("Read mlx with "))
      } else {
        #expect(mlx.stderr.contains("groups of 32, 64 and 128"), "\(mlx.stderr)")
      }
    }
  }

  /// `tune run quantize` with `export`: all formats beside the model, or none where one cannot hold it.
  @Test func quantizingExports() throws {
    try Processes.inFolder { folder in
      #expect(
        try Processes.run(["import", Self.model, "--output", "model"], in: folder).exitCode == 0)
      func quantize(_ scheme: String, _ formats: String) throws -> Program.Result {
        let configuration = """
          output_dir: out
          model: {_component_: swift_tune.models.checkpoint}
          checkpointer:
            _component_: torchtune.training.FullModelHFCheckpointer
            checkpoint_dir: model
            checkpoint_files: [model.safetensors]
            output_dir: ${output_dir}
          device: cpu
          dtype: fp32
          quantizer: {_component_: swift_tune.quantization.Quantizer, scheme: \(scheme)}
          export: [\(formats)]
          """
        try configuration.write(
          toFile: folder + "/quantize.yaml", atomically: true, encoding: .utf8)
        return try Processes.run(["run", "quantize", "--config", "quantize.yaml"], in: folder)
      }
      let refused = try quantize("gguf-q4_0", "gguf, torchao")
      #expect(refused.exitCode == 1 && refused.stderr.contains("key 'export': torchao cannot hold"))
      #expect(!FileManager.default.fileExists(atPath: folder + "/out"))
      let unknown = try quantize("gguf-q4_0", "executorch")
      #expect(unknown.exitCode == 1 && unknown.stderr.contains("export"), "\(unknown.stderr)")
      // A second run replaces what the first one wrote.
      for scheme in ["w4a16", "gguf-q4_0"] {
        let result = try quantize(scheme, "gguf, mlx")
        #expect(result.exitCode == 0, "\(result.stderr)")
        for place in ["out/exports/model.gguf", "out/exports/mlx"] {
          let verify = try Processes.run(["verify", place, "--against", "out"], in: folder)
          #expect(verify.exitCode == 0, "\(verify.stdout)\(verify.stderr)")
        }
      }
    }
  }

  @Test func mistakesAreNamed() throws {
    try Processes.inFolder { folder in
      #expect(
        try Processes.run(["import", Self.model, "--output", "model"], in: folder).exitCode == 0)
      let before = try FileManager.default.contentsOfDirectory(atPath: folder)
      let cases: [([String], Int32, String)] = [
        (
          ["export", "model", "--format", "executorch", "--output", "x"], 64, "Supported are: gguf"
        ),
        (["export", "model", "--format", "gguf"], 64, "--output"),
        (
          ["export", "model", "--format", "gguf", "--output", "x"], 1,
          "model: the model is not quantized\n  Quantize it with `tune run quantize`"
        ),
        (
          ["export", "model", "--scheme", "int3", "--format", "gguf", "--output", "x"], 64,
          "Unknown scheme 'int3'"
        ),
        (
          ["export", "model", "--scheme", "w4a8", "--format", "torchao", "--output", "x"], 1,
          "torchao cannot hold the model exactly"
        ),
        (
          ["export", "none", "--format", "gguf", "--output", "x"], 1,
          "the model folder is not there"
        ),
        (
          ["verify", "none", "--against", "model", "--scheme", "int8"], 1, "no such file or folder"
        ),
      ]
      for (arguments, code, text) in cases {
        let result = try Processes.run(arguments, in: folder)
        #expect(
          result.exitCode == code && result.stderr.contains(text), "\(arguments): \(result.stderr)")
      }
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: folder).sorted() == before.sorted())
    }
  }
}
