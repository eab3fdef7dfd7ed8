// Files that a configuration names and that are not there. A warning when a configuration is
// validated, because it may be meant for another machine; recipes open the files and fail.
import Essentials
import Foundation

extension ValidatedConfiguration {
  /// A problem for each file or folder that does not exist here.
  package func missingFiles() -> [TuneError] {
    var problems: [TuneError] = []
    func check(_ path: String?, _ section: Section, _ key: String) {
      guard let path, !FileManager.default.fileExists(atPath: path) else { return }
      problems.append(
        TuneError(.missingFile, "there is no '\(path)'", at: section.location(of: key)))
    }
    let checkpointer = root.section("checkpointer")
    let folder = checkpointer.string("checkpoint_dir")
    check(folder, checkpointer, "checkpoint_dir")
    if problems.isEmpty {
      for file in checkpointer.checkpointFiles() {
        check((folder as NSString).appendingPathComponent(file), checkpointer, "checkpoint_files")
      }
    }
    if recipe != .quantize {
      let tokenizer = root.section("tokenizer")
      for key in ["path", "merges_file", "special_tokens_path"] where tokenizer.declares(key) {
        check(tokenizer.optionalString(key), tokenizer, key)
      }
    }
    if recipe.isTraining {
      for key in ["dataset", "dataset_val"] {
        for dataset in root.sections(key) {
          for file in dataset.dataFiles where !file.contains(where: { "*?[".contains($0) }) {
            check(file, dataset, "data_files")
          }
        }
      }
    }
    if recipe == .eleutherEval {
      for file in root.textFiles() { check(file, root, "text_files") }
      // Others may be datasets of the Hub.
      for path in (root.stringMap("task_data") ?? [:]).values.sorted()
      where path.hasPrefix("/") || path.hasPrefix(".") {
        check(path, root, "task_data")
      }
    }
    return problems
  }
}

extension Section {
  /// A dataset's `data_files` of all splits, where they are of this machine.
  fileprivate var dataFiles: [String] {
    guard ["json", "csv", "parquet", "text"].contains(string("source")) else { return [] }
    return holdsMap("data_files")
      ? (stringsMap("data_files") ?? [:]).sorted { $0.key < $1.key }.flatMap(\.value)
      : optionalStrings("data_files") ?? []
  }
}
