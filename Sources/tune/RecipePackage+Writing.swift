// What `tune cp <recipe> <folder>` writes: a package with the recipe's story in one short file.
import Essentials
import Foundation
import RunConfiguration

extension RecipePackage {
  /// - Throws: `TuneError` for a recipe that cannot run yet and a folder that cannot be written.
  func write(_ recipe: RecipeName) throws {
    if let refusal = recipe.refusal { throw refusal }
    guard let name = Self.name(of: folder) else {
      throw TuneError(
        .usage, "'\(folder)' is no name for a recipe",
        remedy: "Use letters, digits and _, and a letter first: it becomes a Swift module.")
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
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().path
    let isThere = FileManager.default.fileExists(atPath: root + "/Sources/SwiftTune")
    return isThere ? root : nil
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
      // \(name): the recipe \(recipe.rawValue), to change as you like.
      //
      //   tune run \(name) --config <config> [key=value ...]
      import SwiftTune

      var recipe = Recipe(.\(caseName(recipe)))

      """
    guard recipe.isTraining else { return opening + "\nrecipe.run()\n" }
    return opening + """

      // Called after every step by every process of the run. An error thrown here ends the run.
      recipe.afterStep = { step in
        if !step.loss.isFinite { print("step \\(step.number): the loss is \\(step.loss)") }
      }

      // Called after each pass over dataset_val.
      recipe.afterValidation = { step, loss in
        print("after \\(step) steps the validation loss is \\(loss)")
      }

      // The learning rate of each step in place of optimizer.lr and lr_scheduler:
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

      A copy of swift-tune's recipe `\(recipe.rawValue)`. What it does differently is written in
      `Sources/\(name)/main.swift`; what it is made of is the library `SwiftTune`.

      ```sh
      tune run \(launch)\(name) --config <config> [key=value ...]
      ```

      builds the package, which takes minutes the first time, and runs it. The name is the path of
      this folder. Built-in configurations of `\(recipe.rawValue)` (`tune ls \(recipe.rawValue)`) and
      files of your own work alike.

      """
  }
}
