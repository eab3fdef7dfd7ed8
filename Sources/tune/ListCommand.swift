// `tune ls`: the recipes and their built-in configurations.
import ArgumentParser
import Essentials
import Recipes

struct ListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ls",
    abstract: "List all built-in recipes and their configurations.",
    discussion: """
      Examples:
        tune ls
        tune ls qat_distributed
      """)

  @Argument(
    help: ArgumentHelp("List this recipe only.", valueName: "recipe"),
    completion: .list(RecipeName.allCases.map(\.rawValue)))
  var recipe: String?

  func run() throws {
    let recipes = try recipe.map { [try RecipeName(commandLine: $0)] } ?? RecipeName.allCases
    print(Self.row("RECIPE", "CONFIG"))
    for recipe in recipes {
      let names = BuiltinConfiguration.all(for: recipe).map(\.name)
      print(Self.row(recipe.rawValue, names.first ?? "<>"))
      for name in names.dropFirst() { print(Self.row("", name)) }
    }
  }

  /// Two columns of forty, as torchtune prints them.
  private static func row(_ recipe: String, _ config: String) -> String {
    let padding = { (text: String) in String(repeating: " ", count: max(0, 40 - text.count)) }
    return recipe + padding(recipe) + " " + config + padding(config)
  }
}

extension RecipeName {
  /// - Throws: `TuneError` `.usage` that names the nearest recipe.
  init(commandLine name: String) throws {
    guard let recipe = RecipeName(rawValue: name) else {
      let nearest = nearestName(to: name, among: RecipeName.allCases.map(\.rawValue))
      let isScript = name.hasSuffix(".py")
      throw TuneError(
        .usage, "there is no recipe '\(name)'",
        remedy: isScript
          ? "Recipes in Python cannot run here. `tune ls` lists the built-in ones."
          : (nearest.map { "Did you mean '\($0)'? " } ?? "") + "`tune ls` lists all recipes.")
    }
    self = recipe
  }
}
