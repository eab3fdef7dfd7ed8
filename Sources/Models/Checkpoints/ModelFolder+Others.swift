// Folders that hold something else than a model of the usual layout, or something besides: adapters, GGUF files.
import Essentials
import Foundation

extension ModelFolder {
  private static let adapterNames = [
    "adapter_config.json", "adapter_model.safetensors", "adapter_model.bin",
  ]

  private static func adapter(in folder: String) -> String? {
    adapterNames.first { FileManager.default.fileExists(atPath: folder + "/" + $0) }
  }

  /// What a user should know of files that are not read; nil where there are none.
  package var remarkOnAdapter: String? {
    Self.adapter(in: path).map {
      "\(path) also holds an adapter (\($0)), which is not read: the model is its base"
    }
  }

  /// The error for a folder in which something of a model is missing.
  /// - Parameter missing: what is not there, as a sentence about the folder.
  static func incomplete(_ folder: String, missing: String, remedy: String) -> TuneError {
    if let name = adapter(in: folder) {
      let file = folder + "/adapter_config.json"
      let base = (try? JSON.load(path: file))?["base_model_name_or_path"]?.string
      return TuneError(
        .unsupported, "the folder holds an adapter (\(name)), not a model",
        remedy: "Merge the adapter into its base model\(base.map { " (\($0))" } ?? "") with peft's "
          + "merge_and_unload, and use that folder.", at: .init(file: folder))
    }
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    if let file = entries.filter({ $0.lowercased().hasSuffix(".gguf") }).min() {
      return TuneError(
        .missingFile, "\(missing); it has \(file)",
        remedy: "Make a model folder of it: tune import \(folder)/\(file) --output FOLDER",
        at: .init(file: folder))
    }
    return TuneError(.missingFile, missing, remedy: remedy, at: .init(file: folder))
  }
}
