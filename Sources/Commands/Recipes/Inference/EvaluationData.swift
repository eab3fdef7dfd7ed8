// What the tasks of an evaluation measure on: their datasets of the Hub, what `task_data` names
// instead, or local text.
import Catalog
import Configuration
import Essentials
import EvaluationTasks
import Records

enum TaskData: Sendable {
  case documents([EvaluationDocument], [LikelihoodMetric])
  case questions([ChoiceQuestion], [ChoiceMetric])

  /// At most `limit` documents or questions.
  /// - Throws: `TuneError` for data that cannot be had, or is not that of the task.
  init(of task: EvaluationTask, _ root: Section) throws {
    let limit = root[Keys.limit]
    if case .documents(let metrics, _) = task.kind, !root.textFiles().isEmpty {
      self = .documents(try EvaluationDocument.load(root.textFiles(), limit: limit), metrics)
      return
    }
    let records = try naming(task, root) { try source(of: task, root).firstRecords(limit) }
    switch task.kind {
    case .documents(let metrics, let document):
      self = .documents(try records.map(document), metrics)
    case .questions(let metrics, let question):
      self = .questions(try records.map(question), metrics)
    }
  }
}

private func source(of task: EvaluationTask, _ root: Section) throws -> DataSource {
  let given = root[Keys.taskData]?[task.name]
  var source = DataSource(source: given ?? task.dataset.repository, split: task.dataset.split)
  source.name = task.dataset.configuration
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
    let isGiven = root[Keys.taskData]?[task.name] != nil
    if error.location.file == nil {
      error.location = isGiven ? root.location(of: Keys.taskData) : root.location(of: Keys.tasks)
    }
    error.remedy =
      isGiven
      ? "The task \(task.name) needs a copy of \(task.dataset.repository), or its "
        + "\(task.dataset.split) file."
      : [
        error.remedy,
        "A copy of \(task.dataset.repository) can be given: task_data={\(task.name): FOLDER}.",
      ].compactMap(\.self).joined(separator: " ")
    throw error
  }
}
