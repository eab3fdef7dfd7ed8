// Multiple-choice tasks against lm-evaluation-harness: what it asks about a record, its scores of given
// likelihoods and its table; the windows by hand; and whole recipes.
import Catalog
import Checkpoints
import Configuration
import Essentials
import EvaluationTasks
import Foundation
import Inference
import Launching
import Layers
import Quantization
import Tensors
import TestSupport
import Testing
import Tokenizers

@testable import Recipes

@Suite struct ChoiceTests {
  static let choiceTasks = EvaluationTask.all.filter { $0 != .wikitext }

  private static func harness() throws -> JSON {
    let folder = try #require(Bundle.module.resourceURL)
    return try JSON.load(path: folder.appendingPathComponent("Fixtures/choices.json").path)
  }
  private static func recorded(_ task: EvaluationTask) throws -> JSON {
    try #require(try harness()["tasks"]?[task.name])
  }
  /// The records of a task as a file.
  private static func file(_ task: EvaluationTask, in tiny: TinyModel) throws -> String {
    let records = try #require(try recorded(task)["records"]?.array)
    return try tiny.write(
      records.map { $0.text() + "\n" }.joined(), to: task.name + ".jsonl")
  }
  private static func configuration(
    _ tasks: [EvaluationTask], _ tiny: TinyModel, _ more: String = ""
  ) throws -> ValidatedConfiguration {
    let data = try tasks.map { "\($0.name): \(try file($0, in: tiny))" }
    return try tiny.recipe(
      .eleutherEval,
      """
      tasks: [\(tasks.map(\.name).joined(separator: ", "))]
      task_data: {\(data.joined(separator: ", "))}
      batch_size: 3
      \(more)
      """)
  }
  private static func questions(
    _ task: EvaluationTask, _ tiny: TinyModel, _ more: String = ""
  ) throws -> [ChoiceQuestion] {
    guard
      case .questions(let questions, _) = try TaskData(
        of: task, configuration([task], tiny, more).root)
    else { return [] }
    return questions
  }

  @Test(arguments: choiceTasks)
  func whatTheHarnessAsksAndScores(task: EvaluationTask) throws {
    let tiny = try TinyModel()
    let questions = try Self.questions(task, tiny)
    let recorded = try Self.recorded(task)
    var asked = try #require(recorded["asked"]?.array)[...]
    #expect(asked.count == questions.reduce(0) { $0 + $1.choices.count })
    var likelihoods: [[Double]] = []
    for question in questions {
      likelihoods.append([])
      for continuation in question.continuations {
        let entry = try #require(asked.popFirst()?.array)
        #expect(question.context == entry[0].string && continuation == entry[1].string)
        likelihoods[likelihoods.count - 1].append(try #require(entry[2].double))
      }
    }
    for metric in task.choiceMetrics {
      let score = MeanScore(of: zip(questions, likelihoods).map(metric.value))
      let results = try #require(recorded["results"])
      let mean = try #require(results[metric.name + ",none"]?.double)
      let error = try #require(results[metric.name + "_stderr,none"]?.double)
      #expect(abs(score.mean - mean) < 1e-14)
      #expect(abs(try #require(score.standardError) - error) < 1e-14)
    }
    #expect(try Self.questions(task, tiny, "limit: 1") == [questions[0]])
  }

  @Test func tablesOfTheHarness() throws {
    let tiny = try TinyModel()
    func result(_ task: EvaluationTask, limit: Int = .max) throws -> TaskResult {
      let questions = try Self.questions(task, tiny).prefix(limit)
      var asked = try #require(try Self.recorded(task)["asked"]?.array)[...]
      let likelihoods = questions.map { question in
        question.choices.map { _ in asked.popFirst()?.array?[2].double ?? .nan }
      }
      return TaskResult(
        task,
        task.choiceMetrics.map { ($0, MeanScore(of: zip(questions, likelihoods).map($0.value))) })
    }
    let harness = try Self.harness()
    let several = try [.arcEasy, .hellaSwag, .truthfulQAWithSeveralRight].map { try result($0) }
    #expect(EvaluationTable.text(of: several) == harness["table"]?.string)
    let single = try [result(.truthfulQAWithSeveralRight, limit: 1)]
    #expect(EvaluationTable.text(of: single) == harness["single"]?.string)
  }

  @Test func sharesOfWhatIsHardlyLikely() {
    let question = ChoiceQuestion(
      context: "a", choices: ["b", "c", "d"], isRight: [true, false, true])
    let share = ChoiceMetric.rightShare.value(of: question, [-2000, -2000, -2000 + log(2)])
    #expect(abs(share - 0.75) < 1e-12)
    // The first of equals, as the harness has it.
    #expect(ChoiceMetric.accuracy.value(of: question, [-1, -1, -3]) == 1)
    #expect(ChoiceMetric.accuracy.value(of: question, [-2, -1, -1]) == 0)
    #expect(MeanScore(of: [0.25]).standardError == nil)
  }

  @Test func windowsHoldTheAnswerAndWhatFitsBefore() throws {
    let tiny = try TinyModel()
    let question = ChoiceQuestion(
      context: "The dog sleeps. \u{2003}", choices: ["lazy", "A tokenizer learns dogs"], right: 0)
    let whole = try question.windows(tiny.tokenizer, length: 64)
    let short = try question.windows(tiny.tokenizer, length: 20)
    for (index, choice) in question.choices.enumerated() {
      let before = try tiny.tokenizer.encode("The dog sleeps.")
      let all = try tiny.tokenizer.encode("The dog sleeps. \u{2003} " + choice)
      #expect(whole[index].input == Array(all.dropLast()))
      #expect(whole[index].targets == Array(all.dropFirst(before.count)))
      #expect(short[index].input == Array(all.dropLast().suffix(20)))
      #expect(short[index].targets == whole[index].targets)
    }
    #expect(whole[1].input.count > 20 && whole[1].targets.count <= 20)
    let error = tuneError { _ = try question.windows(tiny.tokenizer, length: 2) }
    #expect(error?.location.key == "windowLength")
  }

  /// Of a float and a quantized model, each task against one answer at a time.
  @Test(arguments: [false, true])
  func recipe(isQuantized: Bool) throws {
    let tiny = try TinyModel(positions: 2048, scale: 3)
    let quantizer =
      isQuantized ? ConversionTests.quantizer("Int8DynActInt4WeightQuantizer") : ""
    let tasks = Self.choiceTasks
    let results = try EvaluationRun(
      Self.configuration(tasks.shuffled(), tiny, quantizer), .single
    ).results()
    #expect(results.map(\.task.name) == tasks.map(\.name).sorted())
    let model = try InferenceModel(
      loading: tiny.modelFolder(), tiny.configuration, dtype: .float32, on: .cpu,
      scheme: isQuantized ? .init(groupSize: 32) : nil)
    let alone = try Evaluation(model, windowLength: 2048, batchSize: 1)
    for result in results {
      let questions = try Self.questions(result.task, tiny)
      let likelihoods = try questions.map { question in
        try question.windows(tiny.tokenizer, length: 2048).map { window in
          try alone.logLikelihoods(ofWindows: [window], naming: { "\($0)" })[0]
        }
      }
      for (metric, measured) in zip(result.task.choiceMetrics, result.metrics) {
        let expected = MeanScore(of: zip(questions, likelihoods).map(metric.value)).mean
        #expect(measured.name == metric.name)
        #expect(abs(measured.value - expected) < (isQuantized ? 0.05 : 1e-4), "\(result.task)")
      }
    }
  }

  /// The golden model of the checkpoints' tests, as torchtune reads it; windows that hold all of a
  /// question, and shorter ones.
  @Test(arguments: [512, 128])
  func likelihoodsOfTorchtune(length: Int) throws {
    let tiny = try TinyModel()
    let tokenizer = try Llama3Tokenizer(
      path: fixturePath("TokenizersTests/Fixtures/tokenizer_tiny/tokenizer.model"))
    let folder = try ModelFolder(path: fixturePath("CheckpointsTests/Fixtures/nano"))
    let configuration = DecoderConfiguration(
      vocabularySize: 1056, layerCount: 2, headCount: 4, keyValueHeadCount: 2, width: 128,
      hiddenWidth: 256, maximumSequenceLength: 512)
    let evaluation = try Evaluation(
      InferenceModel(loading: folder, configuration, dtype: .float32, on: .cpu),
      windowLength: length, batchSize: 4)
    let fixtures = try #require(Bundle.module.resourceURL)
    let recorded = try JSON.load(
      path: fixtures.appendingPathComponent("Fixtures/likelihoods.json").path)
    for task in Self.choiceTasks {
      let expected = try #require(recorded["\(length)"]?[task.name]?.array).compactMap(\.double)
      let windows = try Self.questions(task, tiny).flatMap {
        try $0.windows(tokenizer, length: length)
      }
      let values = try evaluation.logLikelihoods(ofWindows: windows, naming: { "\($0)" })
      #expect(values.count == expected.count)
      for (value, expected) in zip(values, expected) {
        #expect(abs(value - expected) <= 1e-5 * abs(expected), "\(task)")
      }
    }
  }

  /// Before any weight is read, with the line of the configuration.
  @Test func anAnswerThatFitsNoWindow() throws {
    let tiny = try TinyModel()
    let configuration = try Self.configuration([.hellaSwag], tiny, "max_seq_length: 2")
    try FileManager.default.removeItem(atPath: tiny.model)
    let error = tuneError { _ = try EvaluationRun(configuration, .single) }
    #expect(error?.location.key == "max_seq_length" && error?.location.line != nil)
  }

  @Test func recordsThatAreNone() throws {
    let tiny = try TinyModel()
    func refusal(_ task: EvaluationTask, _ record: String) throws -> String {
      let path = try tiny.write(record + "\n", to: "bad.jsonl")
      let error = tuneError {
        _ = try TaskData(
          of: task,
          tiny.recipe(
            .eleutherEval, "tasks: [\(task.name)]\ntask_data: {\(task.name): \(path)}"
          ).root)
      }
      #expect(error?.code == .data && error?.location.line == 1)
      return error?.description ?? ""
    }
    let truthful = EvaluationTask.truthfulQAWithSeveralRight
    for (task, record, words) in [
      (truthful, #"{"question": "a"}"#, "missing column 'mc2_targets'"),
      (truthful, #"{"question": "a", "mc2_targets": {"choices": ["b"], "labels": [2]}}"#, "labels"),
      (truthful, #"{"question": "a", "mc2_targets": {"choices": ["b"], "labels": []}}"#, "labels"),
      (truthful, #"{"question": "a", "mc2_targets": {"choices": [1], "labels": [1]}}"#, "choices"),
      (truthful, #"{"question": 3, "mc2_targets": {"choices": ["b"], "labels": [1]}}"#, "question"),
      (
        .arcEasy,
        #"{"question": "a", "choices": {"text": ["b"], "label": ["A"]}, "answerKey": "B"}"#,
        "answerKey"
      ),
      (
        .hellaSwag,
        #"{"ctx_a": "a", "ctx_b": "b", "activity_label": "c", "endings": ["d"], "label": "1"}"#,
        "label"
      ),
    ] {
      let message = try refusal(task, record)
      #expect(message.contains(words), "\(message)")
    }
  }
}

extension EvaluationTask {
  fileprivate var choiceMetrics: [ChoiceMetric] {
    if case .questions(let metrics, _) = kind { metrics } else { [] }
  }
}
