// config.json: what Llama checkpoints say is understood, what is not built or not sound is refused
// with its key.
import Essentials
import Foundation
import Layers
import Tensors
import TestSupport
import Testing

@testable import Checkpoints

@Suite struct ModelConfigurationFileTests {
  static let llama3: JSONObject = [
    "model_type": "llama", "hidden_size": 4096, "num_attention_heads": 32,
    "num_key_value_heads": 8, "intermediate_size": 14336, "num_hidden_layers": 32,
    "vocab_size": 128_256, "rms_norm_eps": 1e-05, "rope_theta": 500000.0,
    "max_position_embeddings": 8192, "tie_word_embeddings": false, "torch_dtype": "bfloat16",
    "hidden_act": "silu", "attention_bias": false, "rope_scaling": .null,
  ]
  static func read(_ changes: JSONObject, without absent: [String] = []) throws
    -> ModelConfigurationFile
  {
    var json = llama3
    for (key, value) in changes { json[key] = value }
    for key in absent { json[key] = nil }
    return try ModelConfigurationFile(json, path: "config.json")
  }

  @Test func readsLlama3() throws {
    let file = try Self.read([:])
    #expect(file.dtype == .bfloat16)
    #expect(
      file.decoder
        == DecoderConfiguration(
          vocabularySize: 128_256, layerCount: 32, headCount: 32, keyValueHeadCount: 8,
          width: 4096, hiddenWidth: 14336, maximumSequenceLength: 8192))
    #expect(file.decoder.headWidth == 128)
  }

  @Test func readsRotaryScalingOldAndNew() throws {
    let inner: JSONObject = [
      "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
      "original_max_position_embeddings": 8192,
    ]
    func with(_ key: String, _ type: String, _ theta: JSON? = nil) -> JSON {
      var object = inner
      object[key] = .string(type)
      object["rope_theta"] = theta
      return .object(object)
    }
    let expected = RotaryScaling.llama3(.init(factor: 32))
    #expect(
      try Self.read(["rope_scaling": with("rope_type", "llama3")]).decoder.rotary.scaling
        == expected
    )
    #expect(
      try Self.read(["rope_scaling": with("type", "llama3")]).decoder.rotary.scaling == expected)
    let new = try Self.read(
      ["rope_parameters": with("rope_type", "llama3", 7000)],
      without: ["rope_theta", "rope_scaling"]
    ).decoder
    #expect(new.rotary.scaling == expected && new.rotary.base == 7000)
    let plain = try Self.read(["rope_parameters": ["rope_type": "default", "rope_theta": 1e6]])
    #expect(plain.decoder.rotary.scaling == nil && plain.decoder.rotary.base == 1e6)
  }

  @Test func takesTheDefaultsOfTransformers() throws {
    let file = try Self.read(
      ["head_dim": .null],
      without: [
        "num_key_value_heads", "rms_norm_eps", "rope_theta", "max_position_embeddings",
        "tie_word_embeddings", "torch_dtype", "hidden_act",
      ])
    #expect(file.dtype == nil)
    #expect(file.decoder.keyValueHeadCount == 32 && file.decoder.normEpsilon == 1e-6)
    #expect(file.decoder.rotary.base == 10_000 && file.decoder.maximumSequenceLength == 2048)
    #expect(!file.decoder.tiesEmbeddings)
  }

  static let notBuilt: [(key: String, value: JSON)] = [
    ("model_type", "mixtral"), ("model_type", .null), ("use_sliding_window", true),
    ("hidden_act", "gelu"), ("partial_rotary_factor", 0.5),
    ("layer_types", .array(Array(repeating: "linear_attention", count: 32))),
    ("rope_scaling", ["rope_type": "proportional", "factor": 4.0]),
  ]
  @Test(arguments: notBuilt) func refusesWhatIsNotBuilt(key: String, value: JSON) throws {
    let error = try #require(thrown { _ = try Self.read([key: value]) })
    #expect(error.code == .unsupported)
    #expect(error.location.file == "config.json")
    #expect(error.location.key?.hasPrefix(key) == true)
  }

  /// Beyond what a whole number can hold, also where a part of a head may be rotated.
  @Test(arguments: ["llama", "phi3"]) func refusesARotaryFactorOfAnySize(type: String) throws {
    for factor in [1.5, 1e19, 1e300] {
      let error = try #require(
        thrown {
          _ = try Self.read(["model_type": .string(type), "partial_rotary_factor": .number(factor)])
        })
      #expect(error.location.key == "partial_rotary_factor")
    }
  }

  static let notSound: [(key: String, value: JSON)] = [
    ("hidden_size", .null), ("hidden_size", 0), ("hidden_size", -8), ("hidden_size", 1e3),
    ("hidden_size", "big"), ("hidden_size", 100_000_000_000), ("hidden_size", 4095),
    ("num_hidden_layers", 1_000_000), ("num_key_value_heads", 7), ("head_dim", 127),
    ("rms_norm_eps", 0), ("rms_norm_eps", "x"), ("rope_theta", -1), ("partial_rotary_factor", -0.5),
    ("tie_word_embeddings", "no"), ("torch_dtype", "int8"), ("torch_dtype", 3),
    ("rope_scaling", 4), ("rope_scaling", ["rope_type": "llama3", "factor": 8]),
    (
      "rope_scaling",
      [
        "rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 4,
        "original_max_position_embeddings": 8192,
      ]
    ),
  ]
  @Test(arguments: notSound) func refusesWhatIsNotSound(key: String, value: JSON) throws {
    let error = try #require(thrown { _ = try Self.read([key: value]) })
    #expect(error.code == .malformedFile && error.location.key != nil)
  }

  @Test func writesWhatItReads() throws {
    var decoder = DecoderConfiguration(
      vocabularySize: 99, layerCount: 3, headCount: 6, keyValueHeadCount: 3, width: 48,
      headWidth: 12, hiddenWidth: 77, maximumSequenceLength: 1000, normEpsilon: 1e-5,
      rotaryBase: 12345.5, tiesEmbeddings: true)
    for scaling in [nil, RotaryScaling.llama3(.init(factor: 32, lowFrequencyFactor: 2))] {
      decoder.rotary.scaling = scaling
      let file = ModelConfigurationFile(decoder, dtype: .bfloat16, path: "c")
      let text = JSON.object(file.json).text(indented: true)
      let again = try ModelConfigurationFile(try #require(JSON.parse(text).object), path: "c")
      #expect(again.decoder == decoder && again.dtype == .bfloat16)
    }
  }
}
