// What a child has done so far, in memory that outlives it: when it dies, its parent knows of which input.
import Essentials
import Foundation

final class Progress: @unchecked Sendable {
  private let words: UnsafeMutablePointer<Int>
  private static let count = 8

  /// - Parameter path: a file that parent and child share.
  init(path: String) throws {
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    defer { close(descriptor) }
    let size = Self.count * MemoryLayout<Int>.size
    guard descriptor >= 0, ftruncate(descriptor, off_t(size)) == 0,
      let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
      memory != MAP_FAILED
    else { throw TuneError(.disk, "cannot share memory", at: .init(file: path)) }
    words = memory.bindMemory(to: Int.self, capacity: Self.count)
  }
  deinit { munmap(words, Self.count * MemoryLayout<Int>.size) }

  /// The input that is read now, or at the end the one after the last.
  var number: Int {
    get { words[0] }
    set { words[0] = newValue }
  }
  var refused: Int {
    get { words[1] }
    set { words[1] = newValue }
  }
  /// Of the slowest input, in microseconds.
  var slowest: Int {
    get { words[2] }
    set { words[2] = newValue }
  }
  var slowestNumber: Int {
    get { words[3] }
    set { words[3] = newValue }
  }
  /// The most memory that a child took, in kilobytes.
  var peak: Int {
    get { words[4] }
    set { words[4] = newValue }
  }
}
