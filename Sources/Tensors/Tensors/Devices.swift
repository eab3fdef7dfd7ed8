// Devices, threads and the allocator of this process, and what memory was used at most.
import CTorch
import Essentials
import Foundation

package enum Devices {
  /// Makes ready the device a configuration names: `cpu`, `cuda` or `cuda:1`.
  /// - Parameter localRank: chooses the GPU where the name gives no index.
  /// - Throws: `TuneError` `.device` when it is not there.
  package static func prepare(_ name: String, localRank: Int = 0) throws -> Device {
    if name == "cpu" { return .cpu }
    let parts = name.split(separator: ":", omittingEmptySubsequences: false)
    guard parts[0] == "cuda", parts.count <= 2 else {
      throw TuneError(
        .device, "unknown device '\(name)'", remedy: "Set \(Setting.device) to cpu or cuda.",
        at: .init(.device))
    }
    let index = parts.count == 2 ? Int(parts[1]) : localRank
    let available = Int(ct_cuda_count())
    guard let index, index >= 0, index < available else {
      throw TuneError(
        .device,
        available == 0
          ? "device '\(name)' is not there: libtorch finds no CUDA GPU"
          : "device '\(name)' is not there: this machine has \(available) GPU(s)",
        remedy:
          "Set \(Setting.device) to cpu, or use a machine with a GPU and the CUDA build of libtorch.",
        at: .init(.device))
    }
    guard ct_cuda_set_device(Int32(index)) else {
      throw TuneError(.device, lastTorchError(), at: .init(.device))
    }
    return .cuda(index)
  }

  /// libtorch's.
  package static var libraryVersion: String { String(cString: ct_version()) }

  /// Sets libtorch's threads and the allocator's thresholds. Call it once, first thing.
  /// - Parameter threads: nil leaves OMP_NUM_THREADS or libtorch's own choice.
  package static func configureProcess(threads: Int? = nil) {
    ct_keep_freed_memory()
    if let threads { ct_set_threads(Int32(threads)) }
  }
  package static var threads: Int { Int(ct_threads()) }
  package static func setThreads(_ count: Int) { ct_set_threads(Int32(count)) }
  package static func returnFreedMemory() { ct_return_freed_memory() }
  /// Bytes of large CPU tensors: in use, kept for the next ones, and the most that were in use.
  package static var blockMemory: (inUse: Int, idle: Int, mostInUse: Int) {
    var (inUse, idle, most): (Int64, Int64, Int64) = (0, 0, 0)
    ct_block_memory(&inUse, &idle, &most)
    return (Int(inUse), Int(idle), Int(most))
  }

  package struct Memory: Sendable {
    /// Bytes of tensors at the peak: of the device's allocator, or resident memory on the CPU.
    package var peakActive: Int
    /// Bytes reserved from the device at the peak; equals `peakActive` on the CPU.
    package var peakReserved: Int
  }
  package static func memory(of device: Device) -> Memory {
    if case .cuda(let index) = device {
      var four = [Int64](repeating: 0, count: 4)
      guard ct_cuda_memory(Int32(index), &four) else {
        return Memory(peakActive: 0, peakReserved: 0)
      }
      return Memory(peakActive: Int(four[1]), peakReserved: Int(four[3]))
    }
    let peak = processStatus("VmHWM") ?? 0
    return Memory(peakActive: peak, peakReserved: peak)
  }
  /// What this process holds now, for the error of one that gets no more.
  package static func memoryInUse() -> String {
    func mebibytes(_ bytes: Int) -> String { "\(bytes / (1 << 20)) MiB" }
    let tensors = mebibytes(blockMemory.inUse)
    guard let resident = processStatus("VmRSS"), let peak = processStatus("VmHWM") else {
      return "\(tensors) of large tensors are on the host"
    }
    return "the process holds \(mebibytes(resident)) of host memory (at most \(mebibytes(peak)) so "
      + "far), of which \(tensors) are large tensors"
  }
  package static func resetPeakMemory(of device: Device) {
    if case .cuda(let index) = device {
      _ = ct_cuda_reset_peak(Int32(index))
    } else if let file = fopen("/proc/self/clear_refs", "w") {
      fputs("5", file)  // resets VmHWM
      fclose(file)
    }
  }
  /// A size from /proc/self/status in bytes.
  private static func processStatus(_ key: String) -> Int? {
    guard let text = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else {
      return nil
    }
    for line in text.split(separator: "\n") where line.hasPrefix(key + ":") {
      return line.split(whereSeparator: { " \t".contains($0) }).dropFirst().first
        .flatMap { Int($0) }.map { $0 * 1024 }
    }
    return nil
  }
}
