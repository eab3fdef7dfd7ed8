// `tune reference`: the configuration reference of the documentation (scripts/reference).
import ArgumentParser
import Catalog

struct ReferenceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reference",
    abstract: "Print the configuration reference as Markdown.", shouldDisplay: false)

  func run() { print(ConfigurationReference.markdown, terminator: "") }
}
