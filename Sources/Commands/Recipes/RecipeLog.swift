// What a recipe says while it runs, on standard error as `LEVEL: message`; results go to standard
// output. The configuration's `log_level` is the least severe level that is shown.
import Catalog
import Configuration
import Essentials

package struct RecipeLog: Sendable {
  package enum Level: String, Sendable, CaseIterable, Comparable {
    case debug = "DEBUG"
    case info = "INFO"
    case warning = "WARNING"
    case error = "ERROR"
    case critical = "CRITICAL"

    package static func < (a: Level, b: Level) -> Bool { a.severity < b.severity }
    private var severity: Int { Level.allCases.firstIndex(of: self) ?? 0 }
  }
  package let level: Level
  private let write: @Sendable (String) -> Void

  package init(level: Level, write: @escaping @Sendable (String) -> Void = StandardStreams.error) {
    self.level = level
    self.write = write
  }
  /// - Parameter rank: of several workers only rank 0 speaks.
  package init(_ root: Section, rank: Int = 0) {
    let level = Level(rawValue: root[Keys.logLevel]) ?? .info
    if rank == 0 { self.init(level: level) } else { self.init(level: level) { _ in } }
  }

  package func debug(_ message: @autoclosure () -> String) { say(.debug, message) }
  package func info(_ message: @autoclosure () -> String) { say(.info, message) }
  package func warning(_ message: @autoclosure () -> String) { say(.warning, message) }

  private func say(_ level: Level, _ message: () -> String) {
    if level >= self.level { write("\(level.rawValue): \(message())\n") }
  }
}
