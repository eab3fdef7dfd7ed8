// Files that a configuration names and that are not there. A warning when a configuration is
// validated, because it may be meant for another machine; recipes open the files and fail.
import Configuration
import Essentials
import Foundation

extension ValidatedConfiguration {
  /// A problem for each file or folder that does not exist here.
  package func missingFiles() -> [TuneError] {
    var problems: [TuneError] = []
    func check(_ path: String, _ section: Section, _ key: String) {
      guard !FileManager.default.fileExists(atPath: path) else { return }
      problems.append(
        TuneError(.missingFile, "'\(path)' does not exist", at: section.location(of: key)))
    }
    let checkpointer = root[Keys.checkpointer]
    let folder = checkpointer[Keys.Checkpointer.folder]
    check(folder, checkpointer, Keys.Checkpointer.folder.name)
    if problems.isEmpty {
      for file in checkpointer.checkpointFiles() ?? [] {
        check(
          (folder as NSString).appendingPathComponent(file), checkpointer,
          Keys.Checkpointer.files.name)
      }
    }
    if recipe != .quantize {
      let tokenizer = root[Keys.tokenizer]
      for (key, path) in tokenizer.tokenizerFiles { check(path, tokenizer, key) }
    }
    if recipe.isTraining {
      for dataset in root[Keys.dataset] + (root[Keys.validationDataset] ?? []) {
        for file in dataset.dataFiles where !file.contains(where: { "*?[".contains($0) }) {
          check(file, dataset, Keys.Dataset.files.name)
        }
      }
    }
    if recipe == .eleutherEval {
      for file in root.textFiles() { check(file, root, Keys.textFiles.name) }
      // Others may be datasets of the Hub.
      for path in (root[Keys.taskData] ?? [:]).values.sorted()
      where path.hasPrefix("/") || path.hasPrefix(".") {
        check(path, root, Keys.taskData.name)
      }
    }
    return problems
  }
}

extension Section {
  /// A dataset's `data_files` of all splits, where they are of this machine.
  fileprivate var dataFiles: [String] {
    guard ["json", "csv", "parquet", "text"].contains(self[Keys.Dataset.source]) else {
      return []
    }
    return (self[Keys.Dataset.files] ?? [:]).sorted { $0.key < $1.key }.flatMap(\.value)
  }
}
