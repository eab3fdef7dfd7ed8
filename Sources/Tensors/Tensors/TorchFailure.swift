// What libtorch refuses in the middle of a computation: memory that is not there, a device that fails, and
// shapes that do not fit, which are mistakes of ours. Operations on tensors do not throw, for the sake of
// those who read them; nothing could be gone on with either. So the process ends, with an error and
// without a trap: whoever runs a process says how, and rooms above know the keys that need less memory.
import CTorch
import Essentials
import Synchronization

package enum TorchFailure {
  /// Ends the process after it has shown the error or handed it to a launcher.
  package typealias Ending = @Sendable (TuneError) -> Never
  private static let ending = Mutex<Ending?>(nil)

  /// Without one, as in tests, a failure traps with the caller's line.
  package static func whenItHappens(_ end: @escaping Ending) { ending.withLock { $0 = end } }

  static func end(_ file: StaticString, _ line: UInt) -> Never {
    guard let end = ending.withLock({ $0 }) else {
      preconditionFailure(lastTorchError(), file: file, line: line)
    }
    end(error(file, line))
  }

  private static func error(_ file: StaticString, _ line: UInt) -> TuneError {
    let text = firstSentences(lastTorchError())
    guard ct_last_error_is_of_memory() else {
      return TuneError(
        .device, "libtorch failed: \(text) [\(file):\(line)]",
        remedy:
          "If the device and its driver are sound, this is a fault of swift-tune: please report it."
      )
    }
    return TuneError(.memory, "out of memory: \(text); \(Devices.memoryInUse())")
  }

  /// Without C++ frames, and without libtorch's advice on its own settings.
  private static func firstSentences(_ text: String) -> String {
    var text = text.split(separator: "\n").first.map(String.init) ?? ""
    // `[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you ...`
    for start in ["DefaultCPUAllocator: ", "CUDA out of memory. "] {
      if let found = text.firstRange(of: start) { text = String(text[found.upperBound...]) }
    }
    for end in [" Error code ", " If reserved but unallocated memory ", " Including non-PyTorch "] {
      if let found = text.firstRange(of: end) { text = String(text[..<found.lowerBound]) }
    }
    while text.last == "." { text.removeLast() }
    return String(text.prefix(400))
  }
}
