// `tune cp`: a built-in configuration as a file of one's own, or a recipe as a package.
import ArgumentParser
import Builtins
import Catalog
import Essentials
import Foundation

struct CopyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cp",
    abstract: "Copy a built-in configuration to a file, or a recipe to a package.",
    discussion: """
      Copies a configuration to a file and adds .yaml if needed; in a folder, the
      file has the configuration's name. Copies a recipe to a small Swift package
      that you can edit; `tune run` builds and runs it by its folder's name.

      Examples:
        tune cp llama3/8B_qat_full my.yaml
        tune cp llama3_2/1B_full new_folder/my.yaml --make-parents
        tune cp qat_distributed my_recipe
        tune run my_recipe --config llama3_2/3B_qat_full
      """)

  @Argument(
    help: "The configuration or recipe; `tune ls` lists all.",
    completion: .list(BuiltinConfiguration.all.map(\.name) + RecipeName.allCases.map(\.rawValue)))
  var file: String

  @Argument(help: "The file or folder to copy to.", completion: .file())
  var destination: String

  @Flag(name: [.customShort("n"), .long], help: "Do not overwrite an existing file.")
  var noClobber = false

  @Flag(help: "Create missing parent folders.")
  var makeParents = false

  func run() throws {
    if let recipe = RecipeName(rawValue: file) { return try copy(recipe) }
    guard let builtin = BuiltinConfiguration.named(file) else {
      let nearest = nearestName(
        to: file,
        among: BuiltinConfiguration.all.map(\.name) + RecipeName.allCases.map(\.rawValue))
      throw TuneError(
        .usage, "unknown configuration or recipe '\(file)'",
        remedy: (nearest.map { "Did you mean '\($0)'? " } ?? "") + "`tune ls` lists all.")
    }
    let path = target(for: builtin)
    let files = FileManager.default
    if noClobber, files.fileExists(atPath: path) {
      let absolute = URL(fileURLWithPath: path).standardizedFileURL.path
      print("File already exists at \(absolute), not overwriting.")
      return
    }
    try provideFolder(of: path)
    try AtomicFile.write(Data(builtin.text.utf8), to: path)
    print("Copied file to \(path)")
  }

  private func copy(_ recipe: RecipeName) throws {
    // Who writes a Python file's name means a recipe by that name.
    let name = destination.hasSuffix(".py") ? String(destination.dropLast(3)) : destination
    var isFolder: ObjCBool = false
    let exists = FileManager.default.fileExists(atPath: name, isDirectory: &isFolder)
    let isParent = exists && isFolder.boolValue && !RecipePackage.isThere(name)
    let folder =
      isParent ? (name as NSString).appendingPathComponent(recipe.rawValue) : name
    if noClobber, FileManager.default.fileExists(atPath: folder) {
      let absolute = URL(fileURLWithPath: folder).standardizedFileURL.path
      print("File already exists at \(absolute), not overwriting.")
      return
    }
    try provideFolder(of: folder)
    try RecipePackage(folder).write(recipe)
    print("Copied recipe to \(folder)")
  }

  /// Makes the folder that something is to go into, where that is wanted.
  private func provideFolder(of path: String) throws {
    let files = FileManager.default
    let folder = path.parentFolder
    if folder.isEmpty || files.fileExists(atPath: folder) { return }
    guard makeParents else {
      throw TuneError(
        .disk, "no such folder: '\(folder)'", remedy: "Create it, or pass --make-parents.")
    }
    do {
      try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw TuneError(.disk, "cannot create the folder", at: .init(file: folder), cause: error)
    }
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
