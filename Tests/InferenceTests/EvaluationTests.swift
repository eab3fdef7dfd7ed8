// Log likelihoods against a hand computation and lm-evaluation-harness's own windows, clean-up and
// counts.
import Catalog
import Configuration
import Essentials
import EvaluationTasks
import Foundation
import Inference
import Launching
import Layers
import Quantization
import Recipes
import Tensors
import Testing
import Tokenizers

@Suite struct EvaluationTests {
  static var wikitextMetrics: [LikelihoodMetric] {
    guard case .documents(let metrics, _) = EvaluationTask.wikitext.kind else { return [] }
    return metrics
  }
  static func harness() throws -> JSON {
    let folder = try #require(Bundle.module.resourceURL)
    return try JSON.load(path: folder.appendingPathComponent("Fixtures/harness.json").path)
  }

  @Test func windowsOfTheHarness() throws {
    let cases = try #require(try Self.harness()["windows"]?.array)
    #expect(cases.count == 40)
    for entry in cases {
      let count = try #require(entry["count"]?.integer)
      let length = try #require(entry["length"]?.integer)
      let expected = try #require(entry["windows"]?.array).map { window in
        RollingWindow(input: try ids(window["input"]), targets: try ids(window["targets"]))
      }
      let tokens = (0..<count).map { Int32($0 + 1) }
      #expect(RollingWindow.windows(of: tokens, prefix: 0, length: length) == expected)
    }
  }
  private func ids(_ json: JSON?) throws -> [Int32] {
    try #require(json?.array).compactMap { $0.integer.map(Int32.init) }
  }

  @Test func pagesOfTheHarness() throws {
    let harness = try Self.harness()
    for entry in try #require(harness["pages"]?.array) {
      let page = try #require(entry["page"]?.string)
      #expect(WikitextPages.detokenized(page) == entry["text"]?.string)
      let document = EvaluationDocument(page)
      #expect(document.words == entry["words"]?.integer)
      #expect(document.bytes == entry["bytes"]?.integer)
    }
    let file = try #require(harness["file"])
    let text = try #require(file["text"]?.string)
    #expect(WikitextPages.isWikitext(text))
    #expect(WikitextPages.pages(of: text) == file["pages"]?.array?.compactMap(\.string))
    #expect(!WikitextPages.isWikitext("= A heading of another format =\n"))
    #expect(!WikitextPages.isWikitext(""))
  }

  @Test(arguments: [nil, QuantizationScheme(groupSize: 32)])
  func likelihoodsByHand(scheme: QuantizationScheme?) throws {
    let tiny = try TinyModel(scale: 3)
    let model = try InferenceModel(
      loading: tiny.modelFolder(), tiny.configuration, dtype: .float32, on: .cpu, scheme: scheme)
    let documents = try ["The dog sleeps over 日本.", "", "A", TinyModel.text].map {
      try tiny.tokenizer.encode($0)
    }
    let expected = documents.map { tokens in
      RollingWindow.windows(of: tokens, prefix: tiny.tokenizer.bosID, length: 16)
        .reduce(0.0) { $0 + logLikelihood(of: $1, model) }
    }
    #expect(expected[1] == 0 && expected[3] < expected[2])
    for batchSize in [1, 3, 64] {
      var scored = 0
      let sums = try Evaluation(model, windowLength: 16, batchSize: batchSize)
        .logLikelihoods(of: documents, prefix: tiny.tokenizer.bosID) { scored += $0 }
      for (sum, expected) in zip(sums, expected) {
        // fp32 sums over a window; matrix products of other shapes round differently, which can
        // move a rounded activation by one step.
        #expect(abs(sum - expected) <= (scheme == nil ? 1e-5 : 2e-3) * abs(expected))
      }
      #expect(scored == documents.reduce(0) { $0 + $1.count })
    }
  }

  /// In fp64 from the logits of one window.
  private func logLikelihood(of window: RollingWindow, _ model: InferenceModel) -> Double {
    let tokens = Tensor(window.input.map(Int64.init), [1, window.input.count])
    let logits = model.logits(tokens).reshape(window.input.count, -1).to(.float64)
    let skipped = window.input.count - window.targets.count
    var sum = 0.0
    for (place, target) in window.targets.enumerated() {
      let row = logits.select(0, skipped + place)
      sum += row.logSoftmax(along: -1).select(0, Int(target)).item
    }
    return sum
  }

  @Test func metrics() {
    let likelihood = Likelihood(
      logLikelihood: -200, words: 40, bytes: 250, tokens: 100, documents: 2)
    #expect(abs(likelihood.wordPerplexity - 148.4131591025766) < 1e-9)
    #expect(abs(likelihood.bytePerplexity - 2.225540928492468) < 1e-12)
    #expect(abs(likelihood.bitsPerByte - 1.1541560327111708) < 1e-12)
    #expect(
      EvaluationTable.text(of: [TaskResult(.wikitext, likelihood, Self.wikitextMetrics)]) == """
        | Tasks  |Version|Filter|n-shot|    Metric     |   | Value  |   |Stderr|
        |--------|------:|------|-----:|---------------|---|-------:|---|------|
        |wikitext|      2|none  |     0|bits_per_byte  |↓  |  1.1542|±  |   N/A|
        |        |       |none  |     0|byte_perplexity|↓  |  2.2255|±  |   N/A|
        |        |       |none  |     0|word_perplexity|↓  |148.4132|±  |   N/A|

        """)
  }

  @Test func documentsOfFiles() throws {
    let tiny = try TinyModel()
    let plain = try tiny.write("two words\n", to: "a.txt")
    let lines = try tiny.write(
      "{\"text\": \"one\"}\n\n{\"text\": \"b c\", \"n\": 1}\n", to: "b.jsonl")
    let list = try tiny.write("[{\"text\": \"listed\"}]", to: "c.json")
    let wiki = try tiny.write("\n = One = \n\n a , b \n = Two = \n c\n", to: "wiki.test.raw")
    let all = try EvaluationDocument.load([plain, lines, list, wiki])
    // Of pages the clean-up is what is predicted; words and bytes are of the page before it.
    #expect(
      all.map(\.text)
        == ["two words\n", "one", "b c", "listed", " = One =\n\na, b ", " = Two =\nc\n"])
    #expect(all[4].words == 8 && all[4].bytes == 18)
    #expect(all.map(\.words).prefix(4) == [3, 1, 2, 1])
    #expect(try EvaluationDocument.load([plain, lines], limit: 2).count == 2)

    let broken = try tiny.write("{\"text\": \"one\"}\n{\"text\": \n", to: "broken.jsonl")
    let error = tuneError { _ = try EvaluationDocument.load([broken]) }
    #expect(error?.location.file == broken && error?.location.line == 2)
    let other = try tiny.write("{\"words\": 1}\n", to: "other.jsonl")
    #expect(tuneError { _ = try EvaluationDocument.load([other]) }?.code == .data)
    let empty = try tiny.write("", to: "empty.txt")
    #expect(tuneError { _ = try EvaluationDocument.load([empty]) }?.code == .data)
    #expect(tuneError { _ = try EvaluationDocument.load(["/nowhere.txt"]) }?.code == .missingFile)
  }

  @Test func recipeOnFloatAndQuantized() throws {
    let tiny = try TinyModel(scale: 3)
    let text = try tiny.write(TinyModel.text, to: "held-out.txt")
    let particulars =
      "tasks: [wikitext]\ntext_files: [\(text)]\nbatch_size: 2\nmax_seq_length: 32\n"
    func measure(_ more: String = "", checkpoint: String? = nil) throws -> Likelihood {
      try measureLikelihood(
        tiny.recipe(.eleutherEval, particulars + more, checkpoint: checkpoint), .single)
    }
    let float = try measure()
    #expect(float.words == EvaluationDocument(TinyModel.text).words && float.documents == 1)
    let quantizer = ConversionTests.quantizer("Int8DynActInt4WeightQuantizer")
    try runQuantize(tiny.recipe(.quantize, quantizer), .single)
    let quantized = try measure(checkpoint: tiny.folder + "/out")
    let onLoading = try measure(quantizer)
    #expect(quantized == onLoading)
    #expect(quantized.logLikelihood != float.logLikelihood)
    #expect(try measure(quantizer, checkpoint: tiny.folder + "/out") == quantized)
  }

  @Test func windowsLongerThanTheModelSees() throws {
    let tiny = try TinyModel(positions: 64)
    let text = try tiny.write(TinyModel.text, to: "held-out.txt")
    let particulars = "tasks: [wikitext]\ntext_files: [\(text)]\n"
    let given = try tiny.recipe(.eleutherEval, particulars + "max_seq_length: 65\n")
    let error = tuneError { _ = try measureLikelihood(given, .single) }
    #expect(error?.location.key == "max_seq_length" && error?.location.line != nil)
    // The default is more than this model sees, and means: as much as it sees.
    let byDefault = try measureLikelihood(tiny.recipe(.eleutherEval, particulars), .single)
    let most = try measureLikelihood(
      tiny.recipe(.eleutherEval, particulars + "max_seq_length: 64\n"), .single)
    #expect(byDefault == most)
  }
}
