// Paths as text. `NSString`'s own way to the parent folder ends the process for a path of one letter on
// Linux, so this is used for every path that a user may have written.
import Foundation

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

  /// What stands behind the last slash.
  package var lastComponent: String { String(split(separator: "/").last ?? "") }
}

extension String {
  /// This path with the home folder for a leading `~`, and that of a user for `~user`, as shells have it.
  /// A shell does so only where a word begins, not in `output_dir=~/results`.
  package func expandingHome() -> String {
    guard hasPrefix("~") else { return self }
    let user = dropFirst().prefix { $0 != "/" }
    let home =
      user.isEmpty
      ? ProcessInfo.processInfo.environment["HOME"] ?? Self.home(getpwuid(getuid()))
      : Self.home(getpwnam(String(user)))
    guard let home, !home.isEmpty else { return self }
    return home + dropFirst(1 + user.count)
  }

  private static func home(_ entry: UnsafeMutablePointer<passwd>?) -> String? {
    entry.map { String(cString: $0.pointee.pw_dir) }
  }
}
