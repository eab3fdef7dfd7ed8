// One row for each key, whichever recipes or components declare it. Where they differ in its type,
// default or meaning, the key has one row for each variant.
import Configuration

extension ConfigurationReference {
  /// What declares keys: a recipe or a component.
  package struct Owner {
    package let name: String
    package let keys: [KeyDeclaration]
  }

  /// A row of a table of keys.
  package struct Row: Equatable {
    /// The key, with the maps that it is in: `prompt.user`.
    package let key: String
    package let type: String
    package let fallback: String
    package let meaning: String
    /// Accepted at its default only.
    package let isFixed: Bool
    /// The names of all that declare the key like this.
    package fileprivate(set) var owners: [String]

    /// The same key, whoever declares it.
    func isVariant(of other: Row) -> Bool {
      (key, type, fallback, meaning) == (other.key, other.type, other.fallback, other.meaning)
    }
  }

  /// The rows of all keys, in the order of the first owner that has each; variants of a key follow
  /// one another.
  package static func rows(of owners: [Owner]) -> [Row] {
    var rows: [Row] = []
    for owner in owners {
      var previous: Row?
      for row in owner.keys.flatMap({ self.rows(of: $0, in: "", owner: owner.name) }) {
        if let same = rows.firstIndex(where: row.isVariant) {
          rows[same].owners.append(owner.name)
        } else {
          // Beside its variants, else after the key that it follows in its own declaration.
          let neighbour =
            rows.lastIndex { $0.key == row.key } ?? rows.lastIndex { $0.key == previous?.key }
          rows.insert(row, at: neighbour.map { $0 + 1 } ?? rows.count)
        }
        previous = row
      }
    }
    return rows
  }

  private static func rows(of key: KeyDeclaration, in prefix: String, owner: String) -> [Row] {
    let fallback =
      switch key.presence {
      case .required: "required"
      case .defaultsTo(let value): "`\(YAMLWriter.inline(value))`"
      }
    let type = key.onlyAt == nil ? key.type.shortName + (key.isNullable ? " or null" : "") : "fixed"
    let needless = key.needless.map { " `\(YAMLWriter.inline($0))` is accepted with a warning." }
    let row = Row(
      key: prefix + key.name, type: type, fallback: fallback,
      meaning: (key.summary.hasSuffix(".") ? key.summary : key.summary + ".") + needless.joined(),
      isFixed: key.onlyAt != nil, owners: [owner])
    guard case .map(let inner) = key.type else { return [row] }
    return [row] + inner.flatMap { rows(of: $0, in: row.key + ".", owner: owner) }
  }
}
