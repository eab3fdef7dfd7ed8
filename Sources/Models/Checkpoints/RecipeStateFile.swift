// What a run needs besides the model to go on as if it had never stopped: named tensors (optimizer
// states) and strings (counters, the place in the data). One safetensors file, complete or not there.
import Essentials
import Foundation

package enum RecipeStateFile {
  private static let formatKey = "format"
  private static let format = "swift-tune recipe state 1"

  package static func path(in outputFolder: String) -> String {
    outputFolder + "/recipe_state/recipe_state.safetensors"
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
    return try SafetensorsWriter(to: path, tensors, metadata: metadata)
  }

  /// - Throws: `TuneError` when it is not there, broken, or no recipe state.
  package static func open(path: String) throws -> SafetensorsFile {
    let file = try SafetensorsFile(path: path)
    guard file.metadata[formatKey] == format else {
      throw TuneError(
        .malformedFile, "not a recipe state: its format is '\(file.metadata[formatKey] ?? "none")'",
        remedy: "Give recipe_checkpoint the recipe_state.safetensors that the run to resume wrote.",
        at: .init(file: path))
    }
    return file
  }
}
