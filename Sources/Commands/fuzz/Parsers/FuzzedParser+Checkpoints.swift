// Files of weights and what describes them: safetensors, indices, torch archives, recipe states, config.json.
import Checkpoints
import Essentials
import Layers
import Tensors
import Training
import WeightFiles

extension FuzzedParser {
  private static let headerWords = [
    "\"dtype\":\"F32\"", "\"BF16\"", "\"F4\"", "\"U8\"", "\"shape\":[", "\"data_offsets\":[0,0]",
    "__metadata__", "{}", "[]", ",", "9223372036854775807", "-1",
  ]

  /// A header, a NUL, and the tensors' bytes; the length is put before it.
  static func safetensors(_ place: Place) throws -> FuzzedParser {
    let tensors = [("a", "F32", [2, 3], 24), ("b", "BF16", [4], 8), ("c", "I64", [], 8)]
    let layout = SafetensorsLayout(
      tensors.map { .init(name: $0.0, type: $0.1, shape: $0.2, byteCount: $0.3) },
      metadata: ["format": "pt"])
    let plain = Array(layout.header[8...]) + [0] + [UInt8](repeating: 7, count: 40)
    let whole = try place.bytes("WalkTests/Fixtures/qwen2/logits.safetensors")
    let length = Int(whole[..<8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
    let other = Array(whole[8..<8 + length]) + [0] + whole[(8 + length)...]
    return FuzzedParser(
      seeds: [plain, other], words: headerWords,
      assembled: withLength
    ) { input in try readTensors(of: SafetensorsFile(path: place.write(input, "a.safetensors"))) }
  }

  private static func withLength(_ form: [UInt8]) -> [UInt8] {
    let (header, data) = split(form)
    return withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) } + header + data
  }

  private static func readTensors(of file: some WeightFile) throws {
    for name in file.names.prefix(8) {
      do {
        let tensor = try file.tensor(named: name)
        if tensor.count > 0, tensor.count < 1 << 16 {
          _ = tensor.contiguous().withBytes { $0.last }
        }
        if let count = tensor.shape.first, count > 1 { _ = try file.rows(1..<count, of: name) }
      } catch is TuneError {}
    }
  }

  /// A sharded model's index beside its only shard.
  static func index(_ place: Place) throws -> FuzzedParser {
    let folder = "CheckpointsTests/Fixtures/torch/truth/"
    let config = try place.bytes(folder + "config.json")
    let weights = try place.bytes(folder + "model.safetensors")
    let layout = try SafetensorsFile(path: place.write(weights, "model-00001-of-00001.safetensors"))
    try place.write(config, "config.json")
    var map = JSONObject()
    for name in layout.names { map[name] = "model-00001-of-00001.safetensors" }
    let index: JSON = ["metadata": ["total_size": 8832], "weight_map": .object(map)]
    return FuzzedParser(
      seeds: [Array(index.text().utf8)],
      words: ["\"weight_map\":", "..", "/", "\\u0000", "model", ".safetensors", "{}", "null", "~"]
    ) { input in
      try place.write(input, "model.safetensors.index.json")
      _ = try ModelFolder(path: place.scratch).check(
        against: ModelConfigurationFile(path: place.path("config.json")).decoder)
    }
  }

  /// Whole archives of torch.save.
  static func torch(_ place: Place) throws -> FuzzedParser {
    let folder = "CheckpointsTests/Fixtures/torch"
    let seeds =
      try place.files(in: folder + "/bin", ending: ".bin")
      + place.files(in: folder, ending: ".pth") + place.files(in: folder, ending: ".pt")
    return FuzzedParser(
      seeds: seeds, words: ["PK\u{1}\u{2}", "PK\u{3}\u{4}", "PK\u{5}\u{6}", "/data.pkl", "data/0"]
    ) { input in try readTensors(of: TorchArchive(path: place.write(input, "a.bin"))) }
  }

  /// The pickle alone, put into an archive with the records that it names.
  static func pickle(_ place: Place) throws -> FuzzedParser {
    let pickles = try place.files(
      in: "CheckpointsTests/Fixtures/torch/bin", ending: ".bin"
    )
    .compactMap { ZipSample.records(of: $0).first { $0.name.hasSuffix("/data.pkl") }?.bytes }
    return FuzzedParser(
      seeds: pickles,
      words: [
        "ctorch._utils\n_rebuild_tensor_v2\n", "ctorch\nFloatStorage\n", "cos\nsystem\n", "(", ")",
        "t", "R", "q\u{0}", "h\u{0}", "X\u{4}\u{0}\u{0}\u{0}", "K\u{1}", "J", "}", "]", "u", "s",
        "e",
        "b", "0", ".", "Q", "ccollections\nOrderedDict\n",
      ],
      assembled: archive
    ) { input in try readTensors(of: TorchArchive(path: place.write(input, "a.bin"))) }
  }

  private static func archive(of pickle: [UInt8]) -> [UInt8] {
    let storage = [UInt8](repeating: 1, count: 1024)
    return ZipSample.archive(
      [("a/data.pkl", pickle)] + (0..<24).map { ("a/data/\($0)", storage) })
  }

  /// What a run needs to be resumed: the metadata of a safetensors file.
  static func state(_ place: Place) -> FuzzedParser {
    let layout = SafetensorsLayout(
      [.init(name: "optimizer.a", type: "F32", shape: [2], byteCount: 8)],
      metadata: [
        "format": "swift-tune recipe state 2", "epoch": "1", "step_in_epoch": "2", "step": "12",
        "consumed_samples": "48", "seed": "7", "weights": "epoch_0", "optimizer": "adamw",
        "weights_digests": "00ff model.safetensors\n", "configuration_digests": "00 a.b\n",
        "saves": "epoch_0\nstep_5", "trainable": "a\nb",
        "digest": String(repeating: "0", count: 64),
      ])
    let plain = Array(layout.header[8...]) + [0] + [UInt8](repeating: 0, count: 8)
    return FuzzedParser(
      seeds: [plain], words: headerWords + ["epoch_", "step_", "\\n", "\"seed\":", "../"],
      assembled: withLength
    ) { input in
      let file = try RecipeStateFile.open(path: place.write(input, "state.safetensors"))
      _ = try RunState(file)
      // No changed file keeps its seal.
      do { try RecipeStateFile.check(file) } catch is TuneError {}
    }
  }

  /// A model's config.json, up to the names and shapes of its tensors.
  static func config(_ place: Place) throws -> FuzzedParser {
    let seeds = try place.files(in: "CheckpointsTests/Fixtures", ending: "/config.json")
    return FuzzedParser(
      seeds: seeds,
      words: [
        "\"rope_scaling\": {", "\"rope_type\": \"yarn\"", "\"llama3\"", "\"longrope\"",
        "\"factor\": ",
        "\"quantization_config\": {", "\"layer_types\": [", "\"sliding_window\": ", "null", "{}",
        "[]",
        "\"model_type\": \"gemma3_text\"", "\"qwen3\"", "true", "-1", "0", "\"head_dim\": ",
      ]
    ) { input in
      _ = try ModelConfigurationFile(path: place.write(input, "config.json")).decoder.specification
    }
  }
}
