// `tune cat`: a configuration in plain form, to see which keys can be changed.
import ArgumentParser
import Builtins
import Catalog
import Configuration
import Essentials
import Foundation

struct CatCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cat",
    abstract: "Print a configuration, to see which keys can be changed.",
    discussion: """
      Any key printed can be changed on the command line of `tune run`:

        tune cat llama3/8B_qat_full
        tune run qat_distributed --config llama3/8B_qat_full seed=1

      Files work too: tune cat my.yaml --sort
      """)

  @Argument(
    help: ArgumentHelp(
      "A built-in configuration or a .yaml file.", valueName: "config"),
    completion: .configurations)
  var config: String

  @Flag(help: "Print the keys of each map in alphabetical order.")
  var sort = false

  func run() throws {
    if RecipeName(rawValue: config) != nil {
      print("'\(config)' is a recipe, not a config. Please use a config name.")
      return
    }
    let isFile = [".yaml", ".yml"].contains { config.lowercased().hasSuffix($0) }
    guard isFile || BuiltinConfiguration.named(config) != nil else {
      let nearest = nearestName(to: config, among: BuiltinConfiguration.all.map(\.name))
      throw TuneError(
        .usage, "'\(config)' is neither a built-in configuration nor a .yaml file",
        remedy: (nearest.map { "Did you mean '\($0)'? " } ?? "") + "`tune ls` lists all.")
    }
    print(YAMLWriter.text(of: try ConfigurationFile.read(config), sorted: sort), terminator: "")
  }
}
