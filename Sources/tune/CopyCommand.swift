// `tune cp`: a built-in configuration as a file of one's own.
import ArgumentParser
import Essentials
import Foundation
import Recipes

struct CopyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cp",
    abstract: "Copy a built-in configuration to a file.",
    discussion: """
      The file gets the ending .yaml where it has none. A folder gets a file of
      the configuration's name.

      Examples:
        tune cp llama3/8B_qat_full my.yaml
        tune cp llama3_2/1B_full new_folder/my.yaml --make-parents
      """)

  @Argument(
    help: "The configuration; `tune ls` lists all.",
    completion: .list(BuiltinConfiguration.all.map(\.name)))
  var file: String

  @Argument(help: "The file or folder to copy to.", completion: .file())
  var destination: String

  @Flag(name: [.customShort("n"), .long], help: "Keep a file that is already there.")
  var noClobber = false

  @Flag(help: "Create the folders of the destination that are missing.")
  var makeParents = false

  func run() throws {
    if RecipeName(rawValue: file) != nil {
      throw TuneError(
        .unsupported, "'\(file)' is a recipe, and recipes cannot be copied",
        remedy: "Copy one of its configurations: `tune ls \(file)` lists them.")
    }
    guard let builtin = BuiltinConfiguration.named(file) else {
      let nearest = nearestName(to: file, among: BuiltinConfiguration.all.map(\.name))
      throw TuneError(
        .usage, "there is no built-in configuration '\(file)'",
        remedy: (nearest.map { "Did you mean '\($0)'? " } ?? "") + "`tune ls` lists all.")
    }
    let path = target(for: builtin)
    let files = FileManager.default
    if noClobber, files.fileExists(atPath: path) {
      let absolute = URL(fileURLWithPath: path).standardizedFileURL.path
      print("File already exists at \(absolute), not overwriting.")
      return
    }
    let folder = (path as NSString).deletingLastPathComponent
    if !folder.isEmpty, !files.fileExists(atPath: folder) {
      guard makeParents else {
        throw TuneError(
          .disk, "there is no folder '\(folder)'", remedy: "--make-parents creates it.")
      }
      do {
        try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
      } catch {
        throw TuneError(
          .disk, "cannot create the folder", at: .init(file: folder), cause: error)
      }
    }
    try AtomicFile.write(Data(builtin.text.utf8), to: path)
    print("Copied file to \(path)")
  }

  private func target(for builtin: BuiltinConfiguration) -> String {
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: destination, isDirectory: &isFolder)
    if exists && isFolder.boolValue || destination.hasSuffix("/") {
      let name = builtin.name.split(separator: "/").last.map(String.init) ?? builtin.name
      return (destination as NSString).appendingPathComponent(name + ".yaml")
    }
    let ending = (destination as NSString).pathExtension.lowercased()
    if ending == "yaml" || ending == "yml" { return destination }
    return (destination as NSString).deletingPathExtension + ".yaml"
  }
}
