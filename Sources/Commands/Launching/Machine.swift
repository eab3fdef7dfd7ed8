// What this machine offers a launch: a free port and its GPUs.
import Essentials
import Foundation

/// A TCP port that nobody listens on. Another program may take it before the workers do, but the
/// system hands out each one only once in a while.
func freePort() throws -> Int {
  let descriptor = socket(AF_INET, streamSocket, 0)
  guard descriptor >= 0 else { throw portError() }
  defer { close(descriptor) }
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
  var length = socklen_t(MemoryLayout<sockaddr_in>.size)
  let isBound = withUnsafeMutablePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
    }
  }
  guard isBound else { throw portError() }
  return Int(UInt16(bigEndian: address.sin_port))
}

private func portError() -> TuneError {
  TuneError(
    .network, "no free TCP port: \(String(cString: strerror(errno)))",
    remedy: "Name one with --master_port.")
}

/// The NVIDIA GPUs that processes started here see.
func visibleGPUs(
  _ environment: [String: String] = ProcessInfo.processInfo.environment
) -> Int {
  let devices = (try? FileManager.default.contentsOfDirectory(atPath: "/dev")) ?? []
  let present = devices.filter {
    $0.hasPrefix("nvidia") && $0.count > 6 && $0.dropFirst(6).allSatisfy(\.isNumber)
  }
  guard let visible = environment["CUDA_VISIBLE_DEVICES"] else { return present.count }
  // The list ends at the first device that is none, as CUDA reads it.
  let chosen = visible.split(separator: ",").prefix { !$0.hasPrefix("-") }
  return min(chosen.count, present.count)
}
