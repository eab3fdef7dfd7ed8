// What a run needs besides the model to go on as if it had never stopped: named tensors (optimizer
// states) and strings (counters, the place in the data). One sealed safetensors file, complete or not
// there. The last save's is `recipe_state.safetensors`; those of earlier saves that are kept have the names
// of the model folders that they belong to.
import Essentials
import Foundation
import WeightFiles

package enum RecipeStateFile {
  private static let formatKey = "format"
  private static let format = "swift-tune recipe state 2"
  private static let formatWithoutSeal = "swift-tune recipe state 1"
  private static let ending = ".safetensors"

  /// Of the last save.
  package static func path(in outputFolder: String) -> String {
    folder(in: outputFolder) + "/recipe_state" + ending
  }
  /// Of an earlier one.
  package static func path(in outputFolder: String, ofSave name: String) -> String {
    folder(in: outputFolder) + "/" + name + ending
  }
  private static func folder(in outputFolder: String) -> String { outputFolder + "/recipe_state" }

  /// Whether a save can have the name: that of a model folder in the run's own folder.
  package static func isSave(_ name: String) -> Bool {
    ["epoch_", "step_"].contains { prefix in
      let number = name.dropFirst(prefix.count)
      return name.hasPrefix(prefix) && !number.isEmpty && number.count < 19
        && number.utf8.allSatisfy { (48...57).contains($0) }
    }
  }

  /// The names of the earlier saves whose states are there.
  package static func earlierSaves(in outputFolder: String) -> [String] {
    let names =
      (try? FileManager.default.contentsOfDirectory(atPath: folder(in: outputFolder))) ?? []
    return names.filter { $0.hasSuffix(ending) }.map { String($0.dropLast(ending.count)) }
      .filter(isSave).sorted()
  }

  /// Makes the folder and starts the file; the old state stays until the writer finishes.
  package static func writer(
    in outputFolder: String, _ tensors: [SafetensorsWriter.Declaration],
    metadata: [String: String]
  ) throws -> SafetensorsWriter {
    let path = path(in: outputFolder)
    try PartialPath.makeFolder(path.parentFolder)
    var metadata = metadata
    metadata[formatKey] = format
    return try SafetensorsWriter(to: path, tensors, metadata: metadata, isSealed: true)
  }

  /// Keeps the last state under the name of its save, too, before another takes its place.
  package static func keepLast(in outputFolder: String) throws {
    let last = path(in: outputFolder)
    // A broken one is not worth it.
    guard let name = (try? open(path: last))?.metadata["weights"], isSave(name) else { return }
    let kept = path(in: outputFolder, ofSave: name)
    try? FileManager.default.removeItem(atPath: kept)
    do {
      try FileManager.default.linkItem(atPath: last, toPath: kept)
    } catch {
      // File systems without links.
      do {
        try FileManager.default.copyItem(atPath: last, toPath: kept)
      } catch {
        throw diskError(kept, "cannot keep the recipe state of an earlier save", error)
      }
    }
  }

  /// Removes a model folder that a run saved, and its state: first the state, which is nothing without it.
  package static func removeSave(_ name: String, in outputFolder: String) throws {
    precondition(isSave(name), "'\(name)' is no save")
    let last = path(in: outputFolder)
    var paths = [path(in: outputFolder, ofSave: name)]
    if (try? open(path: last))?.metadata["weights"] == name { paths.append(last) }
    // A save in shards is none without its manifest.
    paths.append(outputFolder + "/" + name + "/" + ShardedSave.manifestName)
    for path in paths + [outputFolder + "/" + name] {
      do {
        try FileManager.default.removeItem(atPath: path)
      } catch CocoaError.fileNoSuchFile {
      } catch {
        throw diskError(path, "cannot remove an earlier save", error)
      }
    }
  }

  // MARK: A finished run

  private static func markPath(in outputFolder: String) -> String {
    folder(in: outputFolder) + "/finished.json"
  }

  /// Notes that the run is over, and which folder has its model: the states that are left lead to its end again.
  package static func markFinished(in outputFolder: String, epochs: Int, weights: String) throws {
    let path = markPath(in: outputFolder)
    try PartialPath.makeFolder(path.parentFolder)
    let mark: JSON = .object(["epochs": .integer(epochs), "weights": .string(weights)])
    try AtomicFile.write(Data((mark.text() + "\n").utf8), to: path)
  }

  /// How many epochs a finished run had, and the name of its model's folder; nil where no run has finished, or
  /// another has begun since.
  package static func finishedRun(in outputFolder: String) -> (epochs: Int, weights: String)? {
    guard let mark = try? JSON.load(path: markPath(in: outputFolder)),
      let epochs = mark["epochs"]?.integer, let weights = mark["weights"]?.string,
      isSave(weights), FileManager.default.fileExists(atPath: outputFolder + "/" + weights)
    else { return nil }
    return (epochs, weights)
  }

  /// Another run begins.
  package static func removeFinishedMark(in outputFolder: String) {
    try? FileManager.default.removeItem(atPath: markPath(in: outputFolder))
  }

  /// - Throws: `TuneError` when it is not there, broken, or no recipe state. The tensors are not read.
  package static func open(path: String) throws -> SafetensorsFile {
    let file = try SafetensorsFile(path: path)
    let found = file.metadata[formatKey]
    guard found != formatWithoutSeal else {
      throw TuneError(
        .malformedFile, "the recipe state is of an earlier version of swift-tune, without digests",
        remedy: "Start from the weights of its run: set \(Setting.modelFolder) to their folder "
          + "and \(Setting.resumes) to False.",
        at: .init(file: path))
    }
    guard found == format else {
      throw TuneError(
        .malformedFile, "not a recipe state: its format is '\(found ?? "none")'",
        remedy:
          "Give \(Setting.recipeState) the recipe_state.safetensors that the run to resume wrote.",
        at: .init(file: path))
    }
    return file
  }

  /// Reads the whole file.
  /// - Throws: `TuneError` `.malformedFile` when a bit of it is not as it was written.
  package static func check(_ file: SafetensorsFile) throws {
    guard try SafetensorsSeal.isWhole(file) else {
      throw TuneError(
        .malformedFile, "the recipe state is damaged: its content does not match its digest",
        remedy: "Resume from an earlier save (\(Setting.recipeState)), or start from the "
          + "saved weights.",
        at: .init(file: file.path))
    }
  }
}
