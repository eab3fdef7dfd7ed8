// Recipes copied as packages: what is in them, and that SwiftPM reads the manifest. That one builds and
// trains is shown by scripts/recipe-package.
import Foundation
import TestSupport
import Testing

@testable import tune

struct RecipePackageTests {
  @Test func aCopiedRecipeIsAPackage() throws {
    try Processes.inFolder { folder in
      let copied = try Processes.run(["cp", "qat_distributed", "my_recipe"], in: folder)
      #expect(copied.exitCode == 0 && copied.stdout == "Copied recipe to my_recipe\n")
      let package = folder + "/my_recipe"
      let story = try text(package + "/Sources/my_recipe/main.swift")
      #expect(story.contains("var recipe = Recipe(.qatDistributed)"))
      #expect(story.contains("recipe.run()") && story.contains("recipe.afterStep"))
      #expect(try text(package + "/README.md").contains("tune run --nproc_per_node 2 my_recipe"))
      let manifest = try dump(package)
      #expect(manifest["name"] as? String == "my_recipe")
      let targets = try #require(manifest["targets"] as? [[String: Any]])
      #expect(targets.map { $0["name"] as? String } == ["my_recipe"])
      // The sources that this `tune` was built from are there, or it could not be tested.
      #expect(try text(package + "/Package.swift").contains("path: \"" + checkout + "\""))
    }
  }

  @Test func otherRecipesOnlyRun() throws {
    try Processes.inFolder { folder in
      #expect(try Processes.run(["cp", "generate", "."], in: folder).exitCode == 0)
      let story = try text(folder + "/generate/Sources/generate/main.swift")
      #expect(story.contains("Recipe(.generate)") && !story.contains("afterStep"))
    }
  }

  @Test func stepsOfABuildAreRead() {
    #expect(RecipePackage.progress("[12/340] Compiling Text Vocabulary.swift")! == (12, 340))
    for line in [
      "Building for production...", "[x/3] Linking", "[3/2] Linking", "[3] a", "[1/2", "",
    ] {
      #expect(RecipePackage.progress(Substring(line)) == nil)
    }
  }

  @Test func namesAreThoseOfModules() {
    #expect(RecipePackage.name(of: "a/my_recipe2") == "my_recipe2")
    #expect(RecipePackage.name(of: "./x/") == "x")
    for folder in ["my-recipe", "2x", "a b", "é"] {
      #expect(RecipePackage.name(of: folder) == nil, "\(folder)")
    }
  }

  @Test func shellsCompleteNames() throws {
    try Processes.inFolder { folder in
      let script = try Processes.run(["--generate-completion-script", "bash"], in: folder)
      #expect(script.exitCode == 0 && script.stdout.contains("qat_lora_finetune_distributed"))
      for shell in ["zsh", "fish"] {
        let script = try Processes.run(["--generate-completion-script", shell], in: folder)
        #expect(script.exitCode == 0 && script.stdout.contains("validate"), "\(shell)")
      }
    }
  }

  private var checkout: String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().path
  }

  private func text(_ path: String) throws -> String {
    try String(contentsOfFile: path, encoding: .utf8)
  }

  private func dump(_ package: String) throws -> [String: Any] {
    let result: Program.Result = try Program.run(
      "/usr/bin/env", ["swift", "package", "--package-path", package, "dump-package"])
    try #require(result.exitCode == 0, "\(result.stderr)")
    let data = Data(result.stdout.utf8)
    return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
  }
}
