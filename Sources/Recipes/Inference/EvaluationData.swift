// What the tasks of an evaluation measure on: their datasets of the Hub, what `task_data` names
// instead, or local text.
import Essentials
import Records
import RunConfiguration
import Training

enum TaskData: Sendable {
  case documents([EvaluationDocument])
  case questions([ChoiceQuestion])

  /// At most `limit` documents or questions.
  /// - Throws: `TuneError` for data that cannot be had, or is not that of the task.
  init(of task: EvaluationTask, _ root: Section) throws {
    let limit = root.optionalInt("limit")
    if task == .wikitext, !root.textFiles().isEmpty {
      self = .documents(try EvaluationDocument.load(root.textFiles(), limit: limit))
      return
    }
    let records = try naming(task, root) { try source(of: task, root).firstRecords(limit) }
    switch task {
    case .wikitext: self = .documents(try records.map(EvaluationDocument.init(wikitext:)))
    case .truthfulQAWithOneRight:
      self = .questions(
        try records.map { try ChoiceQuestion(truthfulQA: $0, targets: "mc1_targets") })
    case .truthfulQAWithSeveralRight:
      self = .questions(
        try records.map { try ChoiceQuestion(truthfulQA: $0, targets: "mc2_targets") })
    case .hellaSwag: self = .questions(try records.map(ChoiceQuestion.init(hellaSwag:)))
    case .arcEasy, .arcChallenge: self = .questions(try records.map(ChoiceQuestion.init(arc:)))
    }
  }
}

private func source(of task: EvaluationTask, _ root: Section) throws -> DataSource {
  let (repository, configuration, split) = task.dataset
  let given = root.stringMap("task_data")?[task.rawValue]
  var source = DataSource(source: given ?? repository, split: split)
  source.name = configuration
  // A single file has neither splits nor configurations.
  if given != nil, source.isFile { (source.split, source.name) = ("train", nil) }
  if let hub = source.hubRepository {
    source.resolvedFolder = try folder(of: hub, source, revision: "main")
  }
  return source
}

/// Errors about a dataset's keys, which an evaluation does not have, as errors about the task.
private func naming<R>(_ task: EvaluationTask, _ root: Section, _ body: () throws -> R) throws -> R
{
  do {
    return try body()
  } catch var error as TuneError {
    let isGiven = root.stringMap("task_data")?[task.rawValue] != nil
    if error.location.file == nil {
      error.location = root.location(of: isGiven ? "task_data" : "tasks")
    }
    error.remedy =
      isGiven
      ? "The task \(task.rawValue) needs a copy of \(task.dataset.repository), or its "
        + "\(task.dataset.split) file."
      : [
        error.remedy,
        "A copy of \(task.dataset.repository) can be given: task_data={\(task.rawValue): FOLDER}.",
      ].compactMap(\.self).joined(separator: " ")
    throw error
  }
}

extension EvaluationTask {
  /// In the order of their names.
  var metrics: [ChoiceMetric] {
    switch self {
    case .wikitext: []
    case .truthfulQAWithOneRight: [.accuracy]
    case .truthfulQAWithSeveralRight: [.rightShare]
    case .hellaSwag, .arcEasy, .arcChallenge: [.accuracy, .accuracyByLength]
    }
  }
}
