// What `tune cp <recipe> <folder>` writes: a package with the recipe's story in one short file.
import Catalog
import Configuration
import Essentials
import Foundation

extension RecipePackage {
  /// - Throws: `TuneError` for a recipe that cannot run yet and a folder that cannot be written.
  func write(_ recipe: RecipeName) throws {
    if let refusal = recipe.refusal { throw refusal }
    guard let name = Self.name(of: folder) else {
      throw TuneError(
        .usage, "invalid recipe name '\(folder)'",
        remedy: "Use letters, digits and _, starting with a letter: it becomes a Swift module.")
    }
    let files = [
      "Package.swift": Self.manifest(name), "Sources/\(name)/main.swift": Self.story(recipe, name),
      "README.md": Self.readme(recipe, name), ".gitignore": ".build/\n",
    ]
    for (path, text) in files.sorted(by: { $0.key < $1.key }) {
      let target = folder + "/" + path
      let parent = target.parentFolder
      do {
        try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
      } catch {
        throw TuneError(.disk, "cannot create the folder", at: .init(file: parent), cause: error)
      }
      try AtomicFile.write(Data(text.utf8), to: target)
    }
  }

  /// The sources that this program was built from, where they are still there.
  private static var checkout: String? {
    // From Sources/Commands/tune.
    var root = URL(fileURLWithPath: #filePath)
    for _ in 0..<4 { root.deleteLastPathComponent() }
    let isThere = FileManager.default.fileExists(
      atPath: root.path + "/Sources/Commands/SwiftTune")
    return isThere ? root.path : nil
  }

  private static func manifest(_ name: String) -> String {
    let dependency =
      checkout.map { ".package(name: \"swift-tune\", path: \(literal($0)))" }
      ?? ".package(url: \"https://github.com/swift-tune/swift-tune\", branch: \"main\")"
    return """
      // swift-tools-version: 6.2
      import PackageDescription

      let package = Package(
        name: "\(name)",
        dependencies: [
          \(dependency)
        ],
        targets: [
          .executableTarget(
            name: "\(name)", dependencies: [.product(name: "SwiftTune", package: "swift-tune")])
        ]
      )

      """
  }

  private static func literal(_ text: String) -> String {
    "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
  }

  private static func story(_ recipe: RecipeName, _ name: String) -> String {
    let opening = """
      // \(name): a custom recipe, based on \(recipe.rawValue).
      //
      //   tune run \(name) --config <config> [key=value ...]
      import SwiftTune

      var recipe = Recipe(.\(caseName(recipe)))

      """
    guard recipe.isTraining else { return opening + "\nrecipe.run()\n" }
    return opening + """

      // Called after every step in every process. Throw an error to end the run.
      recipe.afterStep = { step in
        if !step.loss.isFinite { print("step \\(step.number): the loss is \\(step.loss)") }
      }

      // Called after each validation.
      recipe.afterValidation = { step, loss in
        print("after \\(step) steps the validation loss is \\(loss)")
      }

      // Set the learning rate of each step instead of optimizer.lr and lr_scheduler:
      //
      //   recipe.learningRate = { step, count in 2e-5 * (1 - Double(step) / Double(count)) }

      recipe.run()

      """
  }

  private static func caseName(_ recipe: RecipeName) -> String {
    let words = recipe.rawValue.split(separator: "_")
    return words[0] + words.dropFirst().map(\.capitalized).joined()
  }

  private static func readme(_ recipe: RecipeName, _ name: String) -> String {
    let launch = recipe.isDistributed ? "--nproc_per_node 2 " : ""
    return """
      # \(name)

      A custom recipe based on swift-tune's `\(recipe.rawValue)`. Edit `Sources/\(name)/main.swift`; the
      library `SwiftTune` does the rest.

      ```sh
      tune run \(launch)\(name) --config <config> [key=value ...]
      ```

      builds the package, which takes minutes the first time, and runs it. `\(name)` is the path of
      this folder. Use your own configuration files or the built-in ones of
      `\(recipe.rawValue)`, which `tune ls \(recipe.rawValue)` lists.

      """
  }
}
