// Many names of tensors or layers in one line: those that differ only in their layer's number are counted
// together, so that a model of a hundred layers does not fill a screen.

/// `24 of 'layers.*.mlp.down_proj.weight', 'lm_head.weight'`.
/// - Parameter limit: of kinds of names that are shown.
package func nameSummary(_ names: [String], limit: Int = 6) -> String {
  var kinds: [String] = []
  var members: [String: [String]] = [:]
  for name in names {
    let kind = name.split(separator: ".", omittingEmptySubsequences: false)
      .map { !$0.isEmpty && $0.utf8.allSatisfy { (48...57).contains($0) } ? "*" : $0 }
      .joined(separator: ".")
    if members[kind] == nil { kinds.append(kind) }
    members[kind, default: []].append(name)
  }
  let shown = kinds.prefix(limit).map { kind in
    let names = members[kind] ?? []
    return names.count == 1 ? "'\(names[0])'" : "\(names.count) of '\(kind)'"
  }
  let rest = kinds.dropFirst(limit).reduce(0) { $0 + (members[$1]?.count ?? 0) }
  return shown.joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
}
