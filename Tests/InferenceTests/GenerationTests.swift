// Generation: the cache changes nothing, a seed decides everything, text comes out whole.
import Catalog
import Configuration
import Essentials
import Foundation
import Inference
import Launching
import Layers
import Quantization
import Recipes
import Tensors
import Testing
import Tokenizers

@Suite struct GenerationTests {
  private func generate(
    _ model: InferenceModel, _ prompt: [Int32], count: Int = 24, cache: Bool = true,
    temperature: Double = 0, topK: Int? = nil, seed: UInt64 = 1, stop: [Int32] = []
  ) throws -> Generation.Result {
    try Generation(model, stopTokens: stop, usesCache: cache).run(
      prompt, maxNewTokens: count,
      sampler: Sampler(temperature: temperature, topK: topK, seed: seed))
  }

  @Test(
    arguments: [nil, QuantizationScheme(groupSize: 32), .weightOnly(groupSize: 32)], [false, true])
  func cacheChangesNothing(scheme: QuantizationScheme?, tied: Bool) throws {
    let tiny = try TinyModel(tied: tied)
    let model = try InferenceModel(
      loading: tiny.modelFolder(), tiny.configuration, dtype: .float32, on: .cpu, scheme: scheme)
    let prompt = try tiny.tokenizer.encode("The quick brown", addBOS: true, addEOS: false)
    let cached = try generate(model, prompt)
    let recomputed = try generate(model, prompt, cache: false)
    #expect(cached.tokens.count == 24 && Set(cached.tokens).count > 2)
    #expect(cached.tokens == recomputed.tokens)
    // And both are the likeliest tokens of the whole sequence seen at once.
    let sequence = prompt + cached.tokens.dropLast()
    let logits = model.logits(Tensor(sequence.map(Int64.init), [1, sequence.count]))
    let likeliest = logits.argmax(along: -1).reshape(-1).int64s.suffix(24).map(Int32.init)
    #expect(likeliest == cached.tokens)
  }

  /// Rows that begin and end at different places give the tokens that each gives alone.
  @Test(arguments: [nil, QuantizationScheme(groupSize: 32)], [false, true])
  func rowsOfUnequalLength(scheme: QuantizationScheme?, cache: Bool) throws {
    let tiny = try TinyModel(positions: 40)
    let model = try InferenceModel(
      loading: tiny.modelFolder(), tiny.configuration, dtype: .float32, on: .cpu, scheme: scheme)
    let prompts = try ["The quick brown fox jumps over", "A", "The dog sleeps."].map {
      try tiny.tokenizer.encode($0, addBOS: true, addEOS: false)
    }
    #expect(Set(prompts.map(\.count)).count == 3)
    for temperature in [0, 0.9] {
      let unstopped = try generate(
        model, prompts[1], count: 30, temperature: temperature, seed: 2)
      // Of the second row's answer, so that it ends before the others.
      let stop = [unstopped.tokens[5]]
      let alone = try prompts.enumerated().map { row, prompt in
        try generate(
          model, prompt, count: 30, cache: cache, temperature: temperature,
          seed: UInt64(row + 1), stop: stop)
      }
      #expect(alone[1].end == .stopToken && Set(alone.map(\.tokens.count)).count > 1)

      var generator = try Generator(
        model, prompts: prompts, maxNewTokens: 30,
        samplers: (1...3).map { Sampler(temperature: temperature, seed: $0) },
        stopTokens: Set(stop), usesCache: cache)
      var together = prompts.map { _ in [Int32]() }
      while let step = try generator.next() { together[step.row].append(step.token) }
      #expect(together == alone.map(\.tokens))
      #expect(generator.ends == alone.map(\.end))
    }
  }

  @Test func logProbabilitiesAreTheModels() throws {
    let tiny = try TinyModel()
    let model = try InferenceModel(
      loading: tiny.modelFolder(), tiny.configuration, dtype: .float32, on: .cpu)
    let prompts: [[Int32]] = [[1, 2, 3, 4], [5, 6]]
    var generator = try Generator(
      model, prompts: prompts, maxNewTokens: 6,
      samplers: [1, 2].map { Sampler(temperature: 0.8, topK: 5, seed: $0) }, stopTokens: [])
    var sequences = prompts
    while let step = try generator.next() {
      let sequence = sequences[step.row]
      let logits = model.logits(Tensor(sequence.map(Int64.init), [1, sequence.count]))
      let expected = logits.select(0, 0).select(0, sequence.count - 1).logSoftmax(along: -1)
      // fp32: products of other shapes round differently.
      #expect(step.logProbabilities.largestDifference(from: expected) < 1e-3)
      sequences[step.row].append(step.token)
    }
    #expect(sequences.map(\.count) == [10, 8])
  }

  /// A prompt taken up in pieces, in a row beside others, is the prompt taken up at once.
  @Test(arguments: [DType.float32, .bfloat16])
  func aPromptInPieces(dtype: DType) throws {
    let tiny = try TinyModel(scale: 3)
    let model = try InferenceModel(
      loading: tiny.modelFolder(), tiny.configuration, dtype: dtype, on: .cpu)
    func prompt(_ row: Int) -> [Int32] { (0..<25).map { Int32(($0 * 37 + row * 11) % 300) } }
    let prompts: [[Int32]] = [prompt(0), prompt(1)]
    let whole: [Tensor] = prompts.map { model.logits([$0], cache: nil).to(.float32) }
    let cache = KeyValueCache(
      tiny.configuration, rows: 2, capacity: 25, dtype: dtype, on: .cpu)
    var found: [[Tensor]] = [[], []]
    // New tokens of each row; a row may have none.
    for lengths in [[7, 3], [1, 12], [0, 1], [17, 9]] {
      let pieces = zip(prompts, zip(cache.counts, lengths)).map { prompt, piece in
        Array(prompt[piece.0..<piece.0 + piece.1])
      }
      let logits = model.logits(pieces, cache: cache).to(.float32)
      found[0].append(logits.narrow(1, from: 0, count: lengths[0]))
      found[1].append(logits.narrow(1, from: lengths[0], count: lengths[1]))
    }
    #expect(cache.counts == [25, 25])
    for (row, pieces) in found.enumerated() {
      // Sums in another order: a few roundings of the dtype, relative to the largest logit.
      let range = whole[row].abs().amax().item
      let difference = Tensor.cat(pieces, along: 1).largestDifference(from: whole[row])
      #expect(difference <= (dtype == .float32 ? 1e-5 : 5e-2) * range)
    }
  }

  @Test func aSeedDecides() throws {
    let tiny = try TinyModel()
    let model = try InferenceModel(
      loading: tiny.modelFolder(), tiny.configuration, dtype: .bfloat16, on: .cpu)
    func text(_ seed: UInt64) throws -> [Int32] {
      try generate(model, [1, 2, 3], temperature: 0.8, topK: 50, seed: seed).tokens
    }
    #expect(try text(1) == text(1))
    #expect(try text(1) != text(2))
  }

  @Test func ends() throws {
    let tiny = try TinyModel(positions: 32)
    let model = try InferenceModel(
      loading: tiny.modelFolder(), tiny.configuration, dtype: .float32, on: .cpu)
    let all = try generate(model, [1, 2, 3], count: 10)
    #expect(all.end == .tokenLimit && all.steps == 10)
    let stop = all.tokens[4]
    let stopped = try generate(model, [1, 2, 3], count: 10, stop: [stop])
    let first = all.tokens.firstIndex(of: stop) ?? 0
    #expect(stopped.end == .stopToken && stopped.tokens == Array(all.tokens[..<first]))
    let full = try generate(model, [1, 2, 3], count: 100)
    #expect(full.end == .modelLimit && full.tokens.count == 29)

    #expect(tuneError { _ = try generate(model, []) }?.location.key == "userPrompt")
    let tooLong = [Int32](repeating: 1, count: 32)
    #expect(tuneError { _ = try generate(model, tooLong) }?.message.contains("32 tokens") == true)
    #expect(tuneError { _ = try generate(model, [100_000]) }?.location.key == "tokenizer")
  }

  @Test func sampling() {
    let logits = Tensor([Float(1), 3, 2, 0.5, 2.5])
    #expect(Sampler(temperature: 0, seed: 1).next(logits) == 1)
    #expect(Sampler(temperature: 2, topK: 1, seed: 1).next(logits) == 1)
    // A temperature near 0 is the same, and does not overflow.
    #expect(Sampler(temperature: 1e-9, seed: 1).next(logits) == 1)

    let draws = 4000
    let sampler = Sampler(temperature: 0.7, topK: 3, seed: 9)
    var counts = [Int](repeating: 0, count: 5)
    for _ in 0..<draws { counts[Int(sampler.next(logits))] += 1 }
    #expect(counts[0] == 0 && counts[3] == 0)
    let weights = [1: exp(3 / 0.7), 2: exp(2 / 0.7), 4: exp(2.5 / 0.7)]
    let total = weights.values.reduce(0, +)
    for (token, weight) in weights {
      let share = weight / total
      let deviation = (share * (1 - share) / Double(draws)).squareRoot()
      // Five standard deviations, for the one seed that is drawn.
      #expect(abs(Double(counts[token]) / Double(draws) - share) < 5 * deviation)
    }
  }

  @Test func charactersComeWhole() throws {
    let tiny = try TinyModel()
    let text = "héllo 日本語 🌍🚀 wörld"
    var stream = TokenText(tiny.tokenizer)
    var pieces = try tiny.tokenizer.encode(text).map { stream.add($0) }
    #expect(pieces.allSatisfy { !$0.contains("\u{FFFD}") })
    #expect(pieces.contains(""))
    pieces.append(stream.finish())
    #expect(pieces.joined() == text)
    // A character that never becomes whole is shown as broken, and not swallowed.
    let half = try tiny.tokenizer.encode("🚀").dropLast()
    var broken = half.map { stream.add($0) }.joined()
    broken += stream.finish()
    #expect(broken == "\u{FFFD}")
  }

  @Test func chatPrompt() throws {
    let tiny = try TinyModel()
    let tokens = try ChatPrompt(system: "Be kind.", user: "Hello").tokens(tiny.tokenizer)
    #expect(
      tiny.tokenizer.decode(tokens) == "<|begin_of_text|>"
        + "<|start_header_id|>system<|end_header_id|>\n\nBe kind.<|eot_id|>"
        + "<|start_header_id|>user<|end_header_id|>\n\nHello<|eot_id|>"
        + "<|start_header_id|>assistant<|end_header_id|>\n\n")
    let short = try Llama3Tokenizer(path: tiny.folder + "/tokenizer.json", maxSeqLen: 8)
    #expect(tuneError { _ = try ChatPrompt(user: "Hello").tokens(short) } != nil)
  }

  @Test func recipeOnFloatAndQuantized() throws {
    let tiny = try TinyModel()
    let particulars = """
      prompt:
        system: null
        user: The dog
      max_new_tokens: 12
      temperature: 0.9
      top_k: 40

      """
    func tokens(
      _ more: String = "", _ overrides: [String] = [], checkpoint: String? = nil
    ) throws
      -> [Int32]
    {
      var emitted: [Int32] = []
      let (result, model) = try Recipes.generate(
        tiny.recipe(
          .generate, particulars + more, checkpoint: checkpoint, overrides: overrides), .single
      ) { emitted.append($1) }
      #expect(emitted == result.tokens)
      #expect(model.isQuantized == (checkpoint != nil || !more.isEmpty))
      return emitted
    }
    let float = try tokens()
    #expect(try tokens() == float)
    #expect(try tokens("", ["enable_kv_cache=False"]) == float)
    #expect(try tokens("", ["seed=6"]) != float)
    let quantizer = ConversionTests.quantizer("Int8DynActInt4WeightQuantizer")
    try runQuantize(tiny.recipe(.quantize, quantizer), .single)
    #expect(try tokens(checkpoint: tiny.folder + "/out") == tokens(quantizer))

    let longText = [String](repeating: "sleeps", count: 80).joined(separator: " ")
    let error = tuneError { _ = try tokens("", ["prompt.user=\(longText)"]) }
    #expect(error?.message.contains("too long") == true)
    var two = WorkerEnvironment.single
    two.worldSize = 2
    let configuration = try tiny.recipe(.generate, particulars)
    #expect(tuneError { _ = try Recipes.generate(configuration, two) }?.code == .usage)
  }
}
