// Finds the worker that hangs. Of workers that train together most wait for the slowest, at any time; one that
// neither computes, nor reads or writes, nor waits for another is stopped, deadlocked, or held up by a disk that does not answer.
// Whether it waits it tells by a byte of a file (`WaitingFlag`), whether it computes the system tells.
import Essentials
import Foundation

struct HangWatch {
  static let variable = "SWIFT_TUNE_WAITING_FILE"
  /// Of a processor's time: the threads of a worker that hangs still wake up now and then.
  private static let leastWork = 0.03

  private struct Worker {
    let process: pid_t
    let file: Int32
    var computed = 0.0
    /// Bytes read and written.
    var moved = 0
    var idle = 0.0
  }
  private let timeout: Double
  private var workers: [Worker] = []
  private var lastLook = Self.now

  /// - Parameter files: of a byte each, made by `makeFile`.
  init(_ processes: [pid_t], files: [String], timeout: Int) {
    self.timeout = Double(timeout)
    workers = zip(processes, files).map {
      Worker(process: $0, file: open($1, O_RDONLY | O_CLOEXEC))
    }
  }

  func close() { for worker in workers { Foundation.close(worker.file) } }

  static func makeFile(_ path: String) throws {
    try Data([0]).write(to: URL(fileURLWithPath: path))
  }

  /// Looks at those that still run, about once a second.
  /// - Returns: the one that hangs, and what it looks like.
  mutating func look(at running: Set<Int>) -> (worker: Int, what: String)? {
    // This process may have been stopped itself.
    let elapsed = min(Self.now - lastLook, 2)
    lastLook = Self.now
    for index in running.sorted() {
      guard let times = ProcessTimes(workers[index].process) else { continue }
      let work = times.computed - workers[index].computed
      workers[index].computed = times.computed
      // A slow download, or weights from a slow disk, take hardly any time of a processor.
      let moved = Self.moved(by: workers[index].process)
      let isActive = work > Self.leastWork * elapsed && work > 0 || moved != workers[index].moved
      workers[index].moved = moved
      // Who is stopped in the middle of waiting still says that it waits.
      let isStopped = times.state == "T"
      let isFine = isActive || (!isStopped && waits(index))
      workers[index].idle = isFine ? 0 : workers[index].idle + elapsed
      if workers[index].idle >= timeout { return (index, isStopped ? "is stopped" : "hangs") }
    }
    return nil
  }

  /// Bytes that a process has read and written, 0 where the system does not tell.
  private static func moved(by process: pid_t) -> Int {
    let text = (try? String(contentsOfFile: "/proc/\(process)/io", encoding: .utf8)) ?? ""
    return text.split(separator: "\n").reduce(0) { sum, line in
      let fields = line.split(separator: " ")
      guard fields.count == 2, ["rchar:", "wchar:", "read_bytes:"].contains(fields[0]) else {
        return sum
      }
      return sum &+ (Int(fields[1]) ?? 0)
    }
  }

  private func waits(_ index: Int) -> Bool {
    var byte: UInt8 = 0
    return pread(workers[index].file, &byte, 1, 0) == 1 && byte != 0
  }

  private static var now: Double {
    Double(DispatchTime.now().uptimeNanoseconds) / 1e9
  }
}
