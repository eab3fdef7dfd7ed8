// `tune-worker`: one process of a built-in recipe. It is a program of its own, beside `tune`, because it
// is linked with libtorch, whose loading alone takes longer than most commands of `tune` do. `tune run`
// becomes it, or starts several of it; its arguments are the recipe and what that is called with. So do
// `tune export` and `tune verify`.
import Builtins
import Catalog
import Essentials
import Foundation
import Launching
import Recipes

@main
enum Worker {
  static func main() {
    StandardStreams.keepRunningWithoutReaders()
    do {
      exit(try run(CommandLine.arguments.dropFirst()))
    } catch {
      StandardStreams.error("error: \(error)\n")
      exit((error as? TuneError)?.exitCode ?? 1)
    }
  }

  private static func run(_ words: ArraySlice<String>) throws -> Int32 {
    if let call = try ArtifactCall(words: Array(words)) { return try work(on: call) }
    guard let name = words.first else {
      throw TuneError(.usage, "missing recipe", remedy: "Start recipes with `tune run`.")
    }
    let recipe = try RecipeName(commandLine: name)
    let call = try RecipeArguments(words.dropFirst())
    let code = try work(as: recipe) {
      try ValidatedConfiguration(recipe: recipe, call.compose(for: recipe))
    }
    return code ?? 0
  }
}
