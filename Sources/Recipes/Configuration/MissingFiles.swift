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
      check(tokenizer.string("path"), tokenizer, "path")
    }
    if recipe.isTraining {
      for key in ["dataset", "dataset_val"] {
        guard let dataset = root.optionalSection(key) else { continue }
        for file in dataset.optionalStrings("data_files") ?? [] {
          check(file, dataset, "data_files")
        }
      }
    }
    if recipe == .eleutherEval {
      for file in root.textFiles() { check(file, root, "text_files") }
    }
    return problems
  }
}
