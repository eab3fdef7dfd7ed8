// Imported tokenizers have the ids of those that the GGUF files were made from, by the real libraries on
// 2,000 hard strings; and the files beside them say the same.
import Essentials
import Foundation
import TestSupport
import Testing

@testable import GGUF

@Suite struct TokenizerImportTests {
  @Test(
    .enabled(if: Program.comparesWithPython, "needs scripts/interop-env"),
    arguments: [
      ("llama3", "bytes", "bytes.json", "None"), ("llama", "scored", "scored.model", "1"),
      ("gemma2", "gemma", "gemma.model", "2"),
    ])
  func idsAreTheOriginalTokenizers(
    _ name: String, _ kind: String, _ original: String, _ bos: String
  )
    throws
  {
    try Files.inFolder { folder in
      try ModelImport(file: Files.fixture(name + ".gguf")).write(to: folder + "/out")
      let answer = try Program.python([
        Files.fixture("compare_tokenizers.py"), kind, folder + "/out/tokenizer.json",
        Files.fixture(original),
      ])
      #expect(answer == "2005 0 \(bos)\n")
    }
  }

  /// Every pre-tokenizer that is offered is one that the real library loads, and splits as it says.
  @Test(.enabled(if: Program.comparesWithPython, "needs scripts/interop-env"))
  func preTokenizersLoad() throws {
    let text = "I'll say 12345 foo(bar)\r\n  naïveCase"
    try Files.inFolder { folder in
      var paths: [String] = []
      for name in PreTokenizer.names {
        var file = FileWriter.llama()
        file.remove("tokenizer.ggml.pre")
        file.set("tokenizer.ggml.pre", name)
        try file.write(to: "\(folder)/\(name).gguf")
        try ModelImport(file: "\(folder)/\(name).gguf").write(to: "\(folder)/\(name)")
        paths.append("\(folder)/\(name)/tokenizer.json")
      }
      let program = """
        import sys, tokenizers
        for path in sys.argv[2:]:
            pre = tokenizers.Tokenizer.from_file(path).pre_tokenizer
            print(path.split("/")[-2], "|".join(piece for piece, _ in pre.pre_tokenize_str(sys.argv[1])))
        """
      let answer = try Program.python(["-c", program, text] + paths)
      let recorded = "GGUFTests/Fixtures/pre_tokenizers.txt"
      #expect(answer == (try snapshot(recorded, recording: answer)))
    }
  }

  @Test func configurationNamesTheSpecialTokens() throws {
    var file = FileWriter.llama()
    file.set("tokenizer.ggml.eot_token_id", 7 as UInt32)
    file.set("tokenizer.chat_template", "{{ messages }}")
    file.set("tokenizer.chat_templates", ["tools"])
    file.set("tokenizer.chat_template.tools", "{{ tools }}")
    file.keys.append(
      ("tokenizer.ggml.add_bos_token", FileWriter.number(7 as UInt32) + [1]))
    try Files.inFolder { folder in
      try file.write(to: folder + "/m.gguf")
      try ModelImport(file: folder + "/m.gguf").write(to: folder + "/out")
      let settings = try JSON.load(path: folder + "/out/tokenizer_config.json")
      #expect(settings["bos_token"] == "<s>" && settings["eos_token"] == "</s>")
      #expect(settings["pad_token"] == .null && settings["add_bos_token"] == true)
      #expect(settings["model_max_length"] == 64)
      #expect(
        settings["chat_template"] == [
          ["name": "default", "template": "{{ messages }}"],
          ["name": "tools", "template": "{{ tools }}"],
        ])
      #expect(settings["added_tokens_decoder"]?["7"]?["special"] == false)
      let generation = try JSON.load(path: folder + "/out/generation_config.json")
      #expect(generation == ["bos_token_id": 5, "eos_token_id": [6, 7]])
      let tokenizer = try JSON.load(path: folder + "/out/tokenizer.json")
      #expect(tokenizer["model"]?["vocab"]?["[PAD8]"] == nil)
      #expect(tokenizer["model"]?["merges"] == [["a", "b"], ["ab", "c"]])
      #expect(tokenizer["post_processor"]?["type"] == "TemplateProcessing")
    }
  }

  /// Tokens that Swift's strings call equal are different tokens.
  @Test func canonicallyEquivalentTokensStayApart() throws {
    var file = FileWriter.llama()
    file.remove("tokenizer.ggml.tokens")
    file.set(
      "tokenizer.ggml.tokens",
      ["a", "b", "c", "ab", "abc", "<s>", "</s>", "\u{E9}", "e\u{301}"])
    file.remove("tokenizer.ggml.token_type")
    try Files.inFolder { folder in
      try file.write(to: folder + "/m.gguf")
      try ModelImport(file: folder + "/m.gguf").write(to: folder + "/out")
      let text = try String(contentsOfFile: folder + "/out/tokenizer.json", encoding: .utf8)
      let scalars = Array(text.unicodeScalars)
      #expect(scalars.contains("\u{E9}") && scalars.contains("\u{301}"))
      #expect(text.contains(": 7,") && text.contains(": 8\n"))
    }
  }

  @Test func suppliedTokenizerIsTaken() throws {
    var file = FileWriter.llama()
    file.remove("tokenizer.ggml.pre")
    let json = """
      {"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, "ab": 3, "abc": 4}, "merges": []},
      "added_tokens": [{"id": 5, "content": "<s>"}, {"id": 6, "content": "</s>"}, {"id": 7, "content": "x"}]}
      """
    try Files.inFolder { folder in
      let (gguf, given) = (folder + "/m.gguf", folder + "/given")
      try file.write(to: gguf)
      try FileManager.default.createDirectory(atPath: given, withIntermediateDirectories: true)
      #expect(throws: TuneError.self) { try ModelImport(file: gguf, tokenizer: given) }
      try Data(json.utf8).write(to: URL(fileURLWithPath: given + "/tokenizer.json"))
      // One file: the settings are still the GGUF file's.
      try ModelImport(file: gguf, tokenizer: given + "/tokenizer.json").write(to: folder + "/one")
      #expect(try String(contentsOfFile: folder + "/one/tokenizer.json", encoding: .utf8) == json)
      let settings = try JSON.load(path: folder + "/one/tokenizer_config.json")
      #expect(settings["bos_token"] == "<s>")
      // A folder: all its files.
      try Data("{\"x\": 1}".utf8).write(
        to: URL(fileURLWithPath: given + "/tokenizer_config.json"))
      try ModelImport(file: gguf, tokenizer: given).write(to: folder + "/all")
      #expect(try JSON.load(path: folder + "/all/tokenizer_config.json") == ["x": 1])
      let others = [
        ("\"id\": 7", "\"id\": 9", "has token 9, but the embedding has 9 rows"),
        ("\"id\": 7", "\"id\": 8", "token 7 is missing here and 'x' in m.gguf"),
        ("abc", "abd", "token 4 is 'abd' here and 'abc' in m.gguf"),
        ("<s>", "<bos>", "token 5 is '<bos>' here and '<s>' in m.gguf"),
      ]
      for (old, new, message) in others {
        let other = json.replacing(old, with: new)
        try Data(other.utf8).write(to: URL(fileURLWithPath: given + "/tokenizer.json"))
        let error = #expect(throws: TuneError.self) {
          try ModelImport(file: gguf, tokenizer: given)
        }
        #expect(error?.message == message && error?.code == .checkpointMismatch)
      }
    }
  }

  /// What an import wrote is the tokenizer of its file.
  @Test(arguments: ["llama", "llama3", "gemma2", "qwen2", "phi3"])
  func anImportedTokenizerIsTheFiles(_ name: String) throws {
    try Files.inFolder { folder in
      let path = Files.fixture(name + ".gguf")
      try ModelImport(file: path).write(to: folder + "/out")
      _ = try ModelImport(file: path, tokenizer: folder + "/out")
    }
  }

  @Test func aVocabularyThatDoesNotFitTheEmbeddingIsSaid() throws {
    var file = FileWriter.llama()
    try Files.inFolder { folder in
      try file.write(to: folder + "/m.gguf")
      #expect(try ModelImport(file: folder + "/m.gguf").summary.remarks == [])
      file.set("llama.vocab_size", 12 as UInt32)
      file.remove("tokenizer.ggml.tokens")
      file.remove("tokenizer.ggml.token_type")
      file.set("tokenizer.ggml.tokens", ["a", "b", "c", "ab", "abc", "<s>", "</s>"])
      try file.write(to: folder + "/m.gguf")
      #expect(
        try ModelImport(file: folder + "/m.gguf").summary.remarks == [
          "llama.vocab_size is 12, and the embedding has 9 rows, which counts",
          "the tokenizer has 7 tokens, and the embedding 9 rows",
        ])
    }
  }
}
