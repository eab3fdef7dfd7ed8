// Paths as text. `NSString`'s own way to the parent folder ends the process for a path of one letter on
// Linux.

extension String {
  /// What stands before the last slash; empty for a bare name.
  var parentFolder: String {
    guard let slash = lastIndex(of: "/") else { return "" }
    return slash == startIndex ? "/" : String(self[..<slash])
  }
}
