// Where whole inputs come from, the fixtures of the tests, and where changed ones lie while they are read.
import Essentials
import Foundation

struct Place {
  /// The folder that the fixtures of every room's tests lie in.
  let fixtures: String
  /// In memory where the system has such a folder.
  let scratch: String

  func bytes(_ name: String) throws -> [UInt8] {
    Array(try RegularFile.read(fixtures + "/" + name))
  }

  /// All files of a fixture's folder with an ending, up to a size, in the order of their names.
  func files(in folder: String, ending: String, upTo limit: Int = 1 << 20) throws -> [[UInt8]] {
    let root = fixtures + "/" + folder
    return try FileManager.default.subpathsOfDirectory(atPath: root).sorted()
      .filter { $0.hasSuffix(ending) }
      .map { try bytes(folder + "/" + $0) }.filter { $0.count <= limit }
  }

  func path(_ name: String) -> String { scratch + "/" + name }

  /// Puts an input into a file of the scratch folder.
  @discardableResult
  func write(_ bytes: some Collection<UInt8>, _ name: String) throws -> String {
    let path = path(name)
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    defer { close(descriptor) }
    let written = Array(bytes).withUnsafeBytes {
      Foundation.write(descriptor, $0.baseAddress, $0.count)
    }
    guard descriptor >= 0, written == bytes.count else {
      throw WrongResult(description: "cannot write \(path)")
    }
    return path
  }
}
