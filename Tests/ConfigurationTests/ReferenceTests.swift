// The tables of docs/configuration.md against the declarations: every key of every recipe and
// component stands in exactly one row that names it.
import Testing

@testable import Catalog
@testable import Configuration

struct ReferenceTests {
  @Test(arguments: RecipeName.allCases) func everyKeyOfARecipeHasOneRow(_ recipe: RecipeName) {
    let keys = RecipeSchema.declaration(of: recipe).keys
    expectOneRow(for: keys, of: recipe.rawValue, in: ConfigurationReference.recipeRows)
  }

  @Test(arguments: ComponentRole.all) func everyArgumentHasOneRow(_ role: ComponentRole) {
    let rows = ConfigurationReference.argumentRows(of: role)
    let declared = role == .model ? Components.families : Components.all.filter { $0.role == role }
    for component in declared {
      let name = ConfigurationReference.shortName(component)
      expectOneRow(for: component.arguments, of: name, in: rows)
    }
  }

  private func expectOneRow(
    for keys: [KeyDeclaration], of owner: String, in rows: [ConfigurationReference.Row],
    below prefix: String = ""
  ) {
    for key in keys {
      let own = rows.filter { $0.key == prefix + key.name && $0.owners.contains(owner) }
      #expect(own.count == 1, "\(owner): \(prefix)\(key.name)")
      #expect(own.allSatisfy { $0.meaning.hasPrefix(key.summary) })
      #expect(own.allSatisfy { $0.isFixed == (key.onlyAt != nil) })
      #expect(own.allSatisfy { ($0.fallback == "required") == (key.presence == .required) })
      if case .map(let inner) = key.type {
        expectOneRow(for: inner, of: owner, in: rows, below: prefix + key.name + ".")
      }
    }
  }

  /// A key that recipes declare alike is one row, and its variants are neighbours.
  @Test func variantsOfAKeyAreNeighbours() {
    let rows = ConfigurationReference.recipeRows
    for (index, row) in rows.enumerated() {
      let others = rows[(index + 1)...]
      #expect(!others.contains { row.isVariant(of: $0) }, "\(row.key)")
      if let variant = others.lastIndex(where: { $0.key == row.key }) {
        #expect(rows[index...variant].allSatisfy { $0.key == row.key }, "\(row.key)")
      }
    }
    #expect(rows.filter { $0.key == "shuffle" }.map(\.owners.count) == [7])
    #expect(rows.filter { $0.key == "batch_size" }.count == 2)
  }

  @Test func labelsNameRecipes() throws {
    let lines = ConfigurationReference.markdown.split(separator: "\n")
    func label(_ start: String) throws -> Substring {
      let line = try #require(lines.first { $0.hasPrefix(start) }, "\(start)")
      return try #require(line.dropLast(2).split(separator: "| ").last)
    }
    #expect(try label("| `output_dir` |") == "all")
    #expect(try label("| `tokenizer` |") == "all but `quantize`")
    #expect(try label("| `shuffle` |") == "training")
    #expect(try label("| `save_adapter_weights_only` |") == "LoRA")
    #expect(try label("| QAT needs a QAT quantizer |") == "QAT")
    #expect(try label("| `temperature` |") == "`generate`")
    #expect(try label("| `fake_quant_after_n_steps` |") == "`qat_distributed`, `qat_single_device`")
    #expect(lines.contains { $0.hasPrefix("| `compile` |") && $0.contains("with a warning") })
  }
}
