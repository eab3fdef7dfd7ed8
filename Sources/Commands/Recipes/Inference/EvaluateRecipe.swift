// `tune run eleuther_eval`: tasks of EleutherAI's lm-evaluation-harness, as it computes them, of
// float and quantized models: the perplexities of wikitext, and questions by multiple choice.
//
// wikitext measures on its dataset or on local text. A document is then a page of a WikiText file
// (`wiki.test.raw`, recognized by its first heading and cleaned as the harness does), a record of a
// JSON lines file, or the whole of any other file. As in torchtune text is encoded without BOS,
// and the first token of a document is predicted from BOS.
import Catalog
import Configuration
import Essentials
import EvaluationTasks
import Inference
import Launching
import Layers
import Tensors
import Tokenizers

package func runEvaluate(_ configuration: ValidatedConfiguration, _ environment: WorkerEnvironment)
  throws
{
  let results = try EvaluationRun(configuration, environment).results()
  StandardStreams.output(EvaluationTable.text(of: results))
}

/// The likelihood of the text that a configuration's task wikitext is measured on.
package func measureLikelihood(
  _ configuration: ValidatedConfiguration, _ environment: WorkerEnvironment
) throws -> Likelihood {
  try EvaluationRun(configuration, environment).likelihood()
}

package struct EvaluationRun {
  private let log: RecipeLog
  private let data: [EvaluationTask: TaskData]
  private let tokenizer: any Tokenizer
  private let evaluation: Evaluation
  /// The answers of each question in tokens.
  private let windows: [EvaluationTask: [[RollingWindow]]]
  /// Each document in tokens.
  private let tokens: [EvaluationTask: [[Int32]]]

  /// Reads the data of all tasks, then the model.
  package init(_ configuration: ValidatedConfiguration, _ environment: WorkerEnvironment) throws {
    try refuseSeveralProcesses(.eleutherEval, environment)
    Devices.configureProcess()
    let root = configuration.root
    log = RecipeLog(root)
    // The data first: it is quickly read, and its faults should not wait for the weights.
    data = try locatingErrors(in: root) {
      try Dictionary(
        uniqueKeysWithValues: root.evaluationTasks().map { ($0, try TaskData(of: $0, root)) })
    }
    tokenizer = try Recipes.tokenizer(from: root)
    let decoder = try decoderConfiguration(from: root)
    try check(tokenizer, fits: decoder, root[Keys.tokenizer])
    let length = windowLength(root, decoder.maximumSequenceLength, log)
    let (tokenizer, data) = (tokenizer, data)
    windows = try locatingErrors(in: root) {
      try Evaluation.check(windowLength: length, positions: decoder.maximumSequenceLength)
      return try data.compactMapValues { data in
        guard case .questions(let questions, _) = data else { return nil }
        return try questions.map { try $0.windows(tokenizer, length: length) }
      }
    }
    tokens = try data.compactMapValues { data in
      guard case .documents(let documents, _) = data else { return nil }
      return try documents.map { try tokenizer.encode($0.text) }
    }
    let model = try inferenceModel(from: root, log: log)
    evaluation = try Evaluation(
      model, windowLength: length, batchSize: root[Keys.batchSize])
  }

  /// One a task, in the order of their names.
  package func results() throws -> [TaskResult] {
    try data.sorted { $0.key.name < $1.key.name }.map { task, data in
      switch data {
      case .documents(let documents, let metrics):
        let likelihood = try likelihood(of: documents, tokens[task] ?? [])
        log.info(
          "\(likelihood.documents) documents of \(likelihood.words) words, \(likelihood.bytes) "
            + "bytes and \(likelihood.tokens) tokens; log likelihood "
            + "\(decimal(likelihood.logLikelihood, 4)), perplexity by token "
            + decimal(likelihood.tokenPerplexity, 4))
        return TaskResult(task, likelihood, metrics)
      case .questions(let questions, let metrics):
        log.info(
          "\(questions.count) questions with \(questions.reduce(0) { $0 + $1.choices.count }) "
            + "answers of \(task.name)")
        return TaskResult(task, try scores(of: questions, metrics, task))
      }
    }
  }

  func likelihood() throws -> Likelihood {
    guard case .documents(let documents, _)? = data[.wikitext] else {
      preconditionFailure("wikitext is none of the tasks")
    }
    return try likelihood(of: documents, tokens[.wikitext] ?? [])
  }

  private func likelihood(of documents: [EvaluationDocument], _ tokens: [[Int32]]) throws
    -> Likelihood
  {
    let total = tokens.reduce(0) { $0 + $1.count }
    let bar = ProgressBar(label: "evaluating", total: total, unit: "tokens")
    defer { bar.finish() }
    let sums = try withGraph(false) {
      try evaluation.logLikelihoods(of: tokens, prefix: tokenizer.bosID) { bar.advance(by: $0) }
    }
    var sum = Likelihood()
    for (document, (tokens, logLikelihood)) in zip(documents, zip(tokens, sums)) {
      sum.add(
        Likelihood(
          logLikelihood: logLikelihood, words: document.words, bytes: document.bytes,
          tokens: tokens.count, documents: 1))
    }
    return sum
  }

  private func scores(
    of questions: [ChoiceQuestion], _ metrics: [ChoiceMetric], _ task: EvaluationTask
  ) throws -> [(
    metric: ChoiceMetric, score: MeanScore
  )] {
    let windows = windows[task] ?? []
    let owners = windows.enumerated().flatMap { index, windows in windows.map { _ in index } }
    let bar = ProgressBar(label: task.name, total: owners.count, unit: "answers")
    defer { bar.finish() }
    let values = try withGraph(false) {
      try evaluation.logLikelihoods(
        ofWindows: windows.flatMap(\.self),
        naming: { "an answer to question \(owners[$0] + 1) of \(task.name)" },
        scored: { windows, _ in bar.advance(by: windows) })
    }
    var rest = values[...]
    let likelihoods = windows.map { windows in
      defer { rest = rest.dropFirst(windows.count) }
      return Array(rest.prefix(windows.count))
    }
    return metrics.map { metric in
      (metric, MeanScore(of: zip(questions, likelihoods).map(metric.value)))
    }
  }
}

/// `max_seq_length`; where it is only the default, no more than the model sees.
private func windowLength(_ root: Section, _ positions: Int, _ log: RecipeLog) -> Int {
  let wanted = root[Keys.windowLength]
  guard !root.isGiven(Keys.windowLength), wanted > positions else { return wanted }
  log.info("windows of \(positions) tokens, the most that the model sees")
  return positions
}
