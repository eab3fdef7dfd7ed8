// docs/configuration.md, written from the declarations that configurations are checked against:
// every recipe with its keys and rules, every component with its arguments.

package enum ConfigurationReference {
  package static var markdown: String {
    let recipes = RecipeName.allCases.map(RecipeSchema.declaration)
    let parts =
      [introduction, sharedKeys(recipes)]
      + recipes.map { section(of: $0, besides: shared(recipes)) }
      + ["## Components", components] + ComponentRole.allCases.map(section)
    return parts.joined(separator: "\n\n") + "\n"
  }

  private static let introduction = """
    # Configuration reference

    Generated from the schema by `scripts/reference`; `tune run <recipe> --help` prints the same
    for one recipe. A configuration is a YAML file. `_component_` names a component by its dot
    path, and the other keys of that map are its arguments. `${a.b}` is the value of another key,
    `${oc.env:NAME}` of an environment variable. On the command line, `key=value` sets,
    `~key` deletes, and `optimizer=torch.optim.SGD` replaces a component and keeps its arguments.

    A key without a default is required. Keys that the recipes of torchtune have and that have
    nothing to change here are accepted at the value shown, and refused at any other with the reason.
    """

  /// Keys that all recipes declare alike.
  private static func shared(_ recipes: [RecipeDeclaration]) -> [KeyDeclaration] {
    recipes[0].keys.filter { key in recipes.allSatisfy { $0.keys.contains(key) } }
  }

  private static func sharedKeys(_ recipes: [RecipeDeclaration]) -> String {
    "## Keys of all recipes\n\n" + table(of: shared(recipes))
  }

  private static func section(of recipe: RecipeDeclaration, besides shared: [KeyDeclaration])
    -> String
  {
    let keys = recipe.keys.filter { !shared.contains($0) }
    let fixed = keys.filter { $0.onlyAt != nil }
    var parts = [
      "## \(recipe.name.rawValue)", recipe.summary + ".",
      table(of: keys.filter { $0.onlyAt == nil }),
    ]
    if !fixed.isEmpty {
      parts += ["Accepted at one value:", table(of: fixed)]
    }
    parts += ["Rules:", recipe.exclusions.map { "- \(code($0.summary))" }.joined(separator: "\n")]
    return parts.joined(separator: "\n\n")
  }

  private static let components = """
    Other spellings that torchtune has had, such as `torchtune.utils.quantization` for
    `torchtune.training.quantization`, are accepted too.
    """

  private static func section(of role: ComponentRole) -> String {
    let title = role.rawValue.prefix(1).uppercased() + role.rawValue.dropFirst()
    let plain = Components.all.filter { $0.role == role }
    let shown = role == .model ? Components.models : plain
    var parts = ["### \(title)"]
    parts += shown.filter { $0.family == $0.path }.map(entry)
    let sizes = shown.filter { $0.family != $0.path }
    if !sizes.isEmpty {
      parts.append(
        "Sizes, with everything fixed but `tie_word_embeddings` of Llama 3.2:\n\n"
          + sizes.map { "- `\($0.path)`: \($0.summary)" }.joined(separator: "\n"))
    }
    if role == .model, let adapted = Components.adapterModels.first {
      parts.append(
        "Each of these has a `lora_` form, such as `\(adapted.path)`, with further arguments, and "
          + "each Llama of a fixed size a `qlora_` form:")
      let plain = Set(Components.models[0].arguments.map(\.name))
      parts.append(table(of: adapted.arguments.filter { !plain.contains($0.name) }))
    }
    return parts.joined(separator: "\n\n")
  }

  private static func entry(_ component: ComponentDeclaration) -> String {
    var text = "#### `\(component.path)`\n\n\(component.summary)."
    if !component.aliases.isEmpty {
      text += " Also: " + component.aliases.map { "`\($0)`" }.joined(separator: ", ") + "."
    }
    return component.arguments.isEmpty ? text : text + "\n\n" + table(of: component.arguments)
  }

  private static func table(of keys: [KeyDeclaration]) -> String {
    let lines = keys.flatMap { rows(of: $0, below: "") }
    return (["| Key | Type | Default | Meaning |", "|---|---|---|---|"] + lines)
      .joined(separator: "\n")
  }

  private static func rows(of key: KeyDeclaration, below prefix: String) -> [String] {
    let fallback: String
    switch key.presence {
    case .required: fallback = ""
    case .defaultsTo(let value): fallback = "`\(YAMLWriter.inline(value))`"
    }
    let type = key.onlyAt == nil ? key.type.shortName + (key.isNullable ? " or null" : "") : "fixed"
    let summary = key.summary.hasSuffix(".") ? key.summary : key.summary + "."
    let row =
      "| `\(prefix)\(key.name)` | \(cell(type)) | \(cell(fallback)) | \(cell(code(summary))) |"
    guard case .map(let inner) = key.type else { return [row] }
    return [row] + inner.flatMap { rows(of: $0, below: prefix + key.name + ".") }
  }

  private static func cell(_ text: String) -> String { text.replacing("|", with: "\\|") }

  /// Names of keys and components as code.
  private static func code(_ text: String) -> String {
    text.split(separator: " ", omittingEmptySubsequences: false).map { word in
      let core = word.trimmingSuffix(while: { ".,:;".contains($0) })
      let ending = word.dropFirst(core.count)
      let isName = core.contains("_") || (core.contains(".") && core.count > 4)
      return isName && !core.contains("`") ? "`\(core)`\(ending)" : String(word)
    }.joined(separator: " ")
  }
}

extension Substring {
  fileprivate func trimmingSuffix(while matches: (Character) -> Bool) -> Substring {
    var rest = self
    while let last = rest.last, matches(last) { rest = rest.dropLast() }
    return rest
  }
}
