// JSON, YAML with overrides and interpolation, and what recipes make of it.
import Builtins
import Catalog
import Configuration
import Essentials
import Foundation

extension FuzzedParser {
  static var json: FuzzedParser {
    let texts = [
      #"{"a": [1, -2.5e3, true, null, {"b": "\u00e9\ud83d\ude00\\\n"}], "c": {}, "d": [[], ""]}"#,
      #"[0, -0, 1.5E+10, 9223372036854775807, 1e-400, "\/\b\f\r\t", false]"#,
      #"{"a":{"a":{"a":{"a":[[[[[{"k0":0,"k1":1,"k2":2,"k3":3,"k4":4,"k5":5,"k6":6,"k7":7,"k8":8,"k9":9}]]]]]}}}}"#,
    ]
    return FuzzedParser(
      seeds: texts.map { Array($0.utf8) },
      words: [
        "{", "}", "[", "]", ":", ",", "\"", "\\", "\\u", "\\ud800", "\\udc00", "true", "false",
        "null", "1e999", "-", "\"a\":", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "\u{FEFF}", "\u{1F600}",
      ]
    ) { input in
      let value = try input.withUnsafeBytes { try JSON.parse($0, file: "a.json") }
      for indented in [false, true] {
        let written = value.text(indented: indented)
        guard try JSON.parse(written) == value else {
          throw WrongResult(description: "reads as another value than it was written from")
        }
      }
    }
  }

  /// A YAML text, a NUL, and an override of the command line.
  static var yaml: FuzzedParser {
    let text = """
      a: &x {b: 1, c: [2.5, yes, ~, '${a.b}', '${i}']}
      d: {<<: *x, e: 1:30, f: 0x1F, "g h": 1_000}
      g: '${oc.env:HOME,${a.b}} \\${no}'
      j: "${oc.decode:'[1, {a: 2}]'}"
      h: !!str 5
      l: ['${a.c.0}', '${oc.env:N}', 2002-01-01, .inf, -.nan, 0o17, 1e3]
      i: |
        text ${d.e}
      k: >-
        folded
        ${.m}
      m: null
      """
    let overrides = ["d.e=5", "~g", "a.c=[1, {b: '${m}'}]", "a.b=${oc.env:HOME}", "+x.y=1"]
    return FuzzedParser(
      seeds: overrides.map { Array((text + "\u{0}" + $0).utf8) },
      words: [
        ": ", "- ", "? ", "&x", "*x", "<<", "!!", "!!binary ", "|", ">", "|2+", "%YAML 1.2\n",
        "---",
        "...", "#", "'", "\"", "{", "}", "[", "]", "${", "}", "${a}", "${oc.env:", "${oc.decode:",
        "${.", "${..", "\\x41", "\\u00e9", "\n", "  ", "\t", "0x", "1e9", "~", "=", "*x *x *x",
      ]
    ) { input in
      let (yaml, override) = split(input)
      _ = try ComposedConfiguration(
        YAMLReader.map(in: fuzz.text(yaml), file: "a.yaml"), overrides: [fuzz.text(override)],
        environment: ["HOME": "/", "N": "12"])
    }
  }

  /// A built-in configuration, changed, up to the point where a recipe would begin.
  static var recipe: FuzzedParser {
    let names = ["llama3/8B_qat_full", "generation", "quantization", "llama3_2/1B_qat_lora"]
    let known = names.compactMap { BuiltinConfiguration.named($0) }
    return FuzzedParser(
      seeds: known.map { Array(($0.text + "\u{0}" + "seed=1").utf8) },
      words: [
        "_component_: ", "null", "[]", "{}", "-1", "1e400", "True", "torch.optim.AdamW",
        "optimizer", "tokenizer", "checkpointer", "batch_size: ", "${output_dir}",
        "9999999999999999999",
      ]
    ) { input in
      let (yaml, override) = split(input)
      let composed = try ComposedConfiguration(
        YAMLReader.map(in: fuzz.text(yaml), file: "a.yaml"), overrides: [fuzz.text(override)],
        environment: [:])
      for recipe in [RecipeName.qatDistributed, .generate] {
        do { _ = try ValidatedConfiguration(recipe: recipe, composed) } catch is TuneError {}
      }
    }
  }

  /// The file in which a launcher hands a composed configuration to its workers.
  static func composed(_ place: Place) throws -> FuzzedParser {
    let yaml = "a: {b: 1, c: [2.5, yes, ~, '${oc.env:HOME}']}\nd: text\n"
    let composed = try ComposedConfiguration(
      YAMLReader.map(in: yaml, file: "a.yaml"), overrides: ["d=5"], environment: ["HOME": "/"])
    // Only a new file is handed over.
    let path = place.path("handed-\(getpid()).json")
    try composed.handOver(to: path)
    return FuzzedParser(
      seeds: [Array(try RegularFile.read(path))], words: ["null", "{}", "[]", "\"\"", ":", "-1"]
    ) { input in
      _ = try ComposedConfiguration(handedOverIn: place.write(input, "handed.json"))
    }
  }
}
