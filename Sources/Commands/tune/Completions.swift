// What a shell offers after `tune ...`: names of recipes and of built-in configurations, and files.
// The scripts come from `tune --generate-completion-script bash|zsh|fish`.
import ArgumentParser
import Builtins
import Catalog
import Essentials
import Foundation

extension CompletionKind {
  /// Built-in configurations, and the folders and YAML files of the path that is being typed.
  static let configurations = CompletionKind.custom { _, _, word in
    configurationNames() + files(below: word)
  }

  /// What follows `tune run`'s options: a recipe first, then --config and its value.
  static let recipeArguments = CompletionKind.custom { words, _, word in
    if words.dropLast().last == "--config" { return configurationNames() + files(below: word) }
    let isRecipeGiven = words.dropLast().contains { RecipeName(rawValue: $0) != nil }
    return isRecipeGiven ? ["--config"] : RecipeName.allCases.map(\.rawValue)
  }

  private static func configurationNames() -> [String] { BuiltinConfiguration.all.map(\.name) }

  private static func files(below word: String) -> [String] {
    let folder = word.contains("/") ? word.parentFolder : ""
    let prefix = folder.isEmpty ? (word.hasPrefix("/") ? "/" : "") : folder + "/"
    let files = FileManager.default
    let names = (try? files.contentsOfDirectory(atPath: prefix.isEmpty ? "." : prefix)) ?? []
    return names.sorted().compactMap { name in
      var isFolder: ObjCBool = false
      guard files.fileExists(atPath: prefix + name, isDirectory: &isFolder) else { return nil }
      if isFolder.boolValue { return name.hasPrefix(".") ? nil : prefix + name + "/" }
      return name.hasSuffix(".yaml") || name.hasSuffix(".yml") ? prefix + name : nil
    }
  }
}
