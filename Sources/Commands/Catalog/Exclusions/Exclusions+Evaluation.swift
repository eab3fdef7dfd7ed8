// What the keys of `eleuther_eval` demand of each other.
import Configuration
import Essentials
import EvaluationTasks

extension Exclusions {
  static let evaluation: [Exclusion] = [tasks, textIsUsed, dataIsUsed]

  private static let wikitext = EvaluationTask.wikitext.name

  private static let tasks = Exclusion(
    "the tasks are " + EvaluationTask.names.joined(separator: ", ")
  ) { root in
    let tasks = root[Keys.tasks]
    guard let other = tasks.first(where: { EvaluationTask(named: $0) == nil }) else {
      return tasks.isEmpty ? root.error(at: Keys.tasks, "is empty: name at least one task") : nil
    }
    let nearest = nearestName(to: other, among: EvaluationTask.names)
    return root.error(
      at: Keys.tasks, "the task '\(other)' is not supported",
      remedy: nearest.map { "Did you mean '\($0)'?" }
        ?? "Use " + EvaluationTask.names.joined(separator: ", ") + ".")
  }

  private static let textIsUsed = Exclusion("text_files and text_file are for wikitext") { root in
    guard !root.textFiles().isEmpty, !root[Keys.tasks].contains(wikitext) else { return nil }
    return root.error(
      at: root[Keys.textFiles].isEmpty ? Keys.textFile.name : Keys.textFiles.name,
      "is for the task wikitext, which is not in tasks",
      remedy: "Add it: tasks=[wikitext]. Use task_data for the data of other tasks.")
  }

  private static let dataIsUsed = Exclusion("task_data is of tasks that are measured") { root in
    let data = root[Keys.taskData] ?? [:]
    let tasks = root[Keys.tasks]
    if let other = data.keys.sorted().first(where: { !tasks.contains($0) }) {
      return root.error(
        at: Keys.taskData, "has data for '\(other)', which is not in tasks",
        remedy: "The tasks are: \(tasks.joined(separator: ", ")).")
    }
    guard data[wikitext] != nil, !root.textFiles().isEmpty else { return nil }
    return root.error(
      at: Keys.taskData, "sets the data of wikitext, which text_files also sets",
      remedy: "Remove one of the two.")
  }
}

extension Section {
  /// The tasks of an evaluation, each once, in the order of their names, as their results are shown.
  package func evaluationTasks() -> [EvaluationTask] {
    Set(self[Keys.tasks]).sorted().compactMap(EvaluationTask.init(named:))
  }
}
