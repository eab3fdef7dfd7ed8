// "Did you mean ...?": the nearest of the known names, for every message about an unknown one.

/// The known name with the fewest edits from `name`, or nil when none is near enough to help.
package func nearestName(to name: String, among known: some Sequence<String>) -> String? {
  let scored = known.map { (name: $0, edits: editDistance(name.lowercased(), $0.lowercased())) }
  guard let best = scored.min(by: { ($0.edits, $0.name) < ($1.edits, $1.name) }) else { return nil }
  return best.edits <= max(2, name.count / 2) ? best.name : nil
}

/// Levenshtein distance over Unicode scalars.
func editDistance(_ a: String, _ b: String) -> Int {
  let (a, b) = (Array(a.unicodeScalars), Array(b.unicodeScalars))
  var row = Array(0...b.count)
  for i in 0..<a.count {
    var diagonal = row[0]
    row[0] = i + 1
    for j in 0..<b.count {
      let substituted = diagonal + (a[i] == b[j] ? 0 : 1)
      diagonal = row[j + 1]
      row[j + 1] = min(substituted, row[j] + 1, diagonal + 1)
    }
  }
  return row[b.count]
}
