// What a run says besides its metrics: lines on standard error with their level, from rank 0.
import Foundation

package struct RunLog: Sendable {
  package enum Level: Int, Sendable, Comparable {
    case debug, info, warning, error, critical
    package static func < (a: Level, b: Level) -> Bool { a.rawValue < b.rawValue }

    /// The `log_level` of a configuration.
    package init(named name: String) {
      switch name {
      case "DEBUG": self = .debug
      case "WARNING": self = .warning
      case "ERROR": self = .error
      case "CRITICAL": self = .critical
      default: self = .info
      }
    }
    fileprivate var label: String {
      switch self {
      case .debug: "DEBUG"
      case .info: "INFO"
      case .warning: "WARNING"
      case .error: "ERROR"
      case .critical: "CRITICAL"
      }
    }
  }
  private let least: Level
  private let speaks: Bool

  /// - Parameter rank: only rank 0 speaks.
  package init(level: String, rank: Int = 0) {
    least = Level(named: level)
    speaks = rank == 0
  }
  package func say(_ text: String, _ level: Level = .info) {
    guard speaks, level >= least else { return }
    FileHandle.standardError.write(Data("\(level.label): \(text)\n".utf8))
  }
}
