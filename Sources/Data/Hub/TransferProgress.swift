// The bar over all files of a download. Several tasks report to it; the bar itself is for one
// thread, so it is locked.
import Essentials
import Foundation
import Synchronization

/// Unchecked because the bar is only touched under the lock.
final class TransferProgress: @unchecked Sendable {
  private let lock = NSLock()
  private let bar: ProgressBar
  private let bytesPerUnit: Int
  private let files: Int
  private var bytes = 0
  private var shown = 0
  private var filesDone = 0

  /// - Parameter bytes: nil when nobody knows.
  init(
    _ label: String, bytes: Int?, files: Int, display: ProgressBar.Display = .standardError
  ) {
    let isLarge = bytes.map { $0 >= 10_000_000 } ?? true
    bytesPerUnit = isLarge ? 1_000_000 : 1000
    self.files = files
    bar = ProgressBar(
      label: label, total: ((bytes ?? 0) + bytesPerUnit - 1) / bytesPerUnit,
      unit: isLarge ? "MB" : "kB",
      display: display)
  }

  /// - Parameter count: negative where bytes are thrown away again.
  func advance(by count: Int) {
    lock.withLock {
      bytes += count
      draw()
    }
  }

  func finishFile() {
    lock.withLock {
      filesDone += 1
      draw()
    }
  }

  /// Prints a line without tearing the bar.
  func say(_ text: String) {
    lock.withLock { bar.pausing { StandardStreams.error(text + "\n") } }
  }

  func finish() {
    lock.withLock {
      // Rounded up, so that what is whole looks whole.
      let units = (bytes + bytesPerUnit - 1) / bytesPerUnit
      bar.advance(by: units - shown)
      shown = units
      bar.finish()
    }
  }

  private func draw() {
    let units = bytes / bytesPerUnit
    bar.advance(
      by: units - shown, note: files > 1 ? "\(filesDone)/\(files) files" : nil)
    shown = units
  }
}
