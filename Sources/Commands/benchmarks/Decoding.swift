// A model's answer, token by token and its prompt at once: its weights in floating point, and in int4 with
// int8 activations; and llama.cpp's Q4_0 on the same shapes and threads where a Python has
// `llama_cpp`. Weights are random: what they are does not matter for time.
import Checkpoints
import Essentials
import Foundation
import Inference
import Layers
import Quantization
import Tensors

private enum Decoding {
  static let promptLength = 512
  /// The cache holds this many tokens when tokens are first timed.
  static let startLength = 64
  static let newTokens = 16
  static let configuration = DecoderConfiguration(
    vocabularySize: 8192, layerCount: 4, headCount: 32, keyValueHeadCount: 8, width: 2048,
    hiddenWidth: 5632, maximumSequenceLength: 1024)
}

private struct Row {
  var name: String
  var bytes: Double
  var token: Contender
  var prompt: Contender
}

func measureDecoding(_ llama: AskedProcess?) throws {
  let folder = temporaryPath("decoding")
  defer { try? FileManager.default.removeItem(atPath: folder) }
  let configuration = Decoding.configuration
  try initializeModelFolder(folder, configuration, dtype: .bfloat16, seed: 4)
  let source = try ModelFolder(path: folder)

  func row(_ name: String, _ dtype: DType, groupSize: Int? = nil) throws -> Row {
    let model = try InferenceModel(
      loading: source, configuration, dtype: dtype, on: .cpu,
      scheme: groupSize.map { QuantizationScheme(groupSize: $0) })
    return Row(
      name: name, bytes: Double(model.byteCount),
      token: Contender(measuredBy: {
        let result = try answer(model, prompt: Decoding.startLength, Decoding.newTokens + 1)
        return (result.seconds - result.secondsToFirst) / Double(Decoding.newTokens)
      }),
      prompt: Contender(measuredBy: {
        try answer(model, prompt: Decoding.promptLength, 1).secondsToFirst
          / Double(Decoding.promptLength)
      }))
  }
  var rows = [
    try row("fp32", .float32), try row("bf16", .bfloat16),
    try row("int4, group 256, fp32", .float32, groupSize: 256),
    try row("int4, group 32, fp32", .float32, groupSize: 32),
    try row("int4, group 32, bf16", .bfloat16, groupSize: 32),
  ]
  if let llama {
    let shape = configuration
    let bytes = try llama.number(
      "model \(shape.vocabularySize) \(shape.width) \(shape.hiddenWidth) \(shape.layerCount) "
        + "\(shape.headCount) \(shape.keyValueHeadCount) \(Devices.threads)")
    rows.append(
      Row(
        name: "llama.cpp Q4_0", bytes: bytes,
        token: Contender(measuredBy: {
          try llama.number("token \(Decoding.startLength) \(Decoding.newTokens)")
        }), prompt: Contender(measuredBy: { try llama.number("prompt \(Decoding.promptLength)") })))
  }
  try report(rows)
}

private func answer(_ model: InferenceModel, prompt: Int, _ tokens: Int) throws
  -> Generation.Result
{
  let ids = (0..<prompt).map { Int32(($0 * 977 + 13) % Decoding.configuration.vocabularySize) }
  return try Generation(model, stopTokens: []).run(
    ids, maxNewTokens: tokens, sampler: Sampler(temperature: 0, seed: 0))
}

private func report(_ rows: [Row]) throws {
  let tokens = try inTurns(rows.map(\.token), budget: 40, rounds: 5...15)
  let prompts = try inTurns(rows.map(\.prompt), budget: 30, rounds: 5...9)
  let shape = Decoding.configuration
  var table = Table(
    "Answering: width \(shape.width), \(shape.layerCount) layers, "
      + "\((Double(shape.parameterCount) / 1e6).digits(0))M parameters, after "
      + "\(Decoding.startLength) tokens; a prompt of \(Decoding.promptLength)",
    [
      "weights", "MiB", "tokens/s", "times fp32", "spread", "prompt tokens/s", "times fp32",
      "spread",
      "rounds",
    ])
  for (index, row) in rows.enumerated() {
    table.add(
      row.name, (row.bytes / 1_048_576).digits(0), (1 / tokens[index].median).digits(1),
      (tokens[0].median / tokens[index].median).digits(2), tokens[index].spreadPercent,
      (1 / prompts[index].median).digits(0),
      (prompts[0].median / prompts[index].median).digits(2), prompts[index].spreadPercent,
      "\(tokens[index].rounds), \(prompts[index].rounds)")
  }
  table.print()
}
