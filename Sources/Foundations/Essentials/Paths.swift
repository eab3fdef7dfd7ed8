// Paths as text. `NSString`'s own way to the parent folder ends the process for a path of one letter on
// Linux, so this is used for every path that a user may have written.

extension String {
  /// What stands before the last component, without slashes at its end; empty for a bare name.
  package var parentFolder: String {
    var rest = self[...]
    while rest.count > 1, rest.last == "/" { rest.removeLast() }
    guard let slash = rest.lastIndex(of: "/") else { return "" }
    rest = rest[..<slash]
    while rest.last == "/" { rest.removeLast() }
    return rest.isEmpty ? "/" : String(rest)
  }
}
