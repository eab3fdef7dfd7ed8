// The files beside an exported folder's weights against those of the folder that it was made from.
import Checkpoints
import Essentials
import Foundation
import Tokenizers

struct FolderFilesComparison {
  let artifact: Artifact
  let model: ExportModel
  let format: any FolderFormat

  init(_ artifact: Artifact, _ model: ExportModel, _ format: any FolderFormat) {
    (self.artifact, self.model, self.format) = (artifact, model, format)
  }

  func run(_ comparison: inout Comparison) throws {
    for (key, value) in try format.configuration(model) {
      comparison.note(
        "keys of config.json", isSame: artifact.configuration[key] == value, "\(key) differs")
    }
    for name in CompanionFiles.present(in: model.folder.path) {
      let own = try RegularFile.read(model.folder.path + "/" + name)
      let other = try? RegularFile.read(artifact.path + "/" + name)
      comparison.note("files of the tokenizer", isSame: other == own, "\(name) differs")
    }
    guard try FolderEntry.exists(model.folder.path + "/tokenizer.json") else { return }
    let own = try HuggingFaceModelTokenizer(folder: model.folder.path)
    do {
      let other = try HuggingFaceModelTokenizer(folder: artifact.path)
      let expected = try own.encode(HardText.text, addSpecialTokens: true)
      let ids = try other.encode(HardText.text, addSpecialTokens: true)
      comparison.note(
        "ids of a hard text", compared: expected.count, different: ids == expected ? 0 : 1,
        "the folder's tokenizer gives other ids")
      comparison.note(
        "chat templates",
        isSame: own.configuration.chatTemplates == other.configuration.chatTemplates,
        "the chat template differs")
      comparison.note(
        "stop tokens", isSame: own.stopTokens == other.stopTokens, "other tokens end a generation")
    } catch {
      comparison.note("ids of a hard text", different: 1, "\(error)")
    }
  }
}
