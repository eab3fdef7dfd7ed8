// The words after `tune run`'s options: a recipe, built-in or a package of one's own, and what it is
// called with.
import Catalog
import Configuration
import Essentials

struct RecipeCall: Equatable {
  enum Recipe: Equatable {
    case builtin(RecipeName)
    /// The folder of a package that `tune cp` made.
    case package(String)
  }
  let recipe: Recipe
  let arguments: RecipeArguments

  /// - Throws: `TuneError` `.usage`.
  init(_ words: [String]) throws {
    guard let name = words.first else {
      throw TuneError(.usage, "missing recipe", remedy: "`tune ls` lists all recipes.")
    }
    if name.hasPrefix("-") { throw RecipeArguments.misplaced(name) }
    // Built-in names win; a folder of such a name is meant by ./name.
    if RecipeName(rawValue: name) == nil, RecipePackage.isThere(name) {
      recipe = .package(name)
    } else {
      recipe = .builtin(try RecipeName(commandLine: name))
    }
    arguments = try RecipeArguments(words.dropFirst())
    // Between a launcher and its workers only.
    if arguments.composedFile != nil {
      throw RecipeArguments.misplaced(ComposedConfiguration.handedOverOption)
    }
  }
}
