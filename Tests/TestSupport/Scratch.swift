// A folder that goes away, files in it, and the error that a test expects.
import Essentials
import Foundation

/// A folder for one test, removed with the value.
package final class Scratch {
  package let path: String
  package init() throws {
    path = NSTemporaryDirectory() + "/scratch-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }
  deinit { try? FileManager.default.removeItem(atPath: path) }
  package subscript(name: String) -> String { path + "/" + name }
  package func write(_ bytes: [UInt8], _ name: String) throws -> String {
    try Data(bytes).write(to: URL(fileURLWithPath: self[name]))
    return self[name]
  }
  /// Every file and folder inside, sorted.
  package var everything: [String] {
    (FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []).sorted()
  }
}

package func bytes(of path: String) throws -> [UInt8] {
  [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
}

/// The error that `body` must throw.
package func thrown(_ body: () throws -> Void) -> TuneError? {
  do {
    try body()
    return nil
  } catch {
    return error as? TuneError
  }
}

/// Later writes beyond this fail as on a full disk, instead of ending the process.
package func limitFileSize(_ bytes: UInt) {
  signal(SIGXFSZ, SIG_IGN)
  var limit = rlimit(rlim_cur: rlim_t(bytes), rlim_max: rlim_t(bytes))
  setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
}
