// Where a run's numbers go: lines `Step 3 | loss:2.1 lr:2e-05 ...`, as torchtune's loggers write
// them. Rank 0 logs.
import Essentials
import Foundation

package protocol MetricLogger: AnyObject {
  func log(step: Int, _ metrics: [(name: String, value: Double)]) throws
  func close()
}

/// One line a step.
func metricLine(step: Int, _ metrics: [(name: String, value: Double)]) -> String {
  "Step \(step) | " + metrics.map { "\($0.name):\($0.value)" }.joined(separator: " ")
}

/// Lines in a file, flushed step by step (torchtune.training.metric_logging.DiskLogger).
package final class DiskLogger: MetricLogger {
  package let path: String
  private let file: FileHandle

  /// - Parameter filename: `log_<seconds>.txt` where nil, as in the reference.
  package init(folder: String, filename: String? = nil) throws {
    let name = filename ?? "log_\(Int(Date().timeIntervalSince1970)).txt"
    path = (folder as NSString).appendingPathComponent(name)
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      if !FileManager.default.fileExists(atPath: path) {
        try Data().write(to: URL(fileURLWithPath: path))
      }
      file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
      try file.seekToEnd()
    } catch {
      throw TuneError(
        .disk, "cannot write the log file", at: .init(file: path), cause: SystemReason(error))
    }
  }
  package func log(step: Int, _ metrics: [(name: String, value: Double)]) throws {
    do {
      try file.write(contentsOf: Data((metricLine(step: step, metrics) + "\n").utf8))
    } catch {
      throw TuneError(
        .disk, "cannot write the log file", at: .init(file: path), cause: SystemReason(error))
    }
  }
  package func close() { try? file.close() }
}

/// Lines on standard output (torchtune.training.metric_logging.StdoutLogger).
package final class StdoutLogger: MetricLogger {
  package init() {}
  package func log(step: Int, _ metrics: [(name: String, value: Double)]) {
    print(metricLine(step: step, metrics))
  }
  package func close() {}
}
