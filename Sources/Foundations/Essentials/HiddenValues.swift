// Values of the environment that a configuration refers to, which may be secrets: no error shows them. Where one
// would, the reference stands instead.
import Foundation
import Synchronization

package enum HiddenValues {
  private static let references = Mutex([String: String]())
  /// Shorter ones are words and numbers, of which messages are made.
  private static let leastLength = 8

  package static func hide(_ value: String, as reference: String) {
    guard value.utf8.count >= leastLength else { return }
    references.withLock { $0[value] = reference }
  }

  /// The text without any of the values.
  static func hidden(in text: String) -> String {
    let references = references.withLock(\.self)
    // The longest first: one may be a part of another.
    return references.sorted { ($0.key.count, $0.key) > ($1.key.count, $1.key) }.reduce(text) {
      $0.contains($1.key) ? $0.replacingOccurrences(of: $1.key, with: $1.value) : $0
    }
  }
}
