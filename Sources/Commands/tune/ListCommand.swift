// `tune ls`: the recipes and their built-in configurations.
import ArgumentParser
import Builtins
import Catalog
import Essentials

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
