// Real text of this machine to learn from: documentation and licences, the Swift toolchain's own
// interfaces, libtorch's headers. Files are read in a fixed order, repeated passages are dropped,
// and every twentieth document is held out.
import Essentials
import Foundation

struct TextCollection {
  /// Passages of at most `passageSize` bytes, in the order to learn them.
  var training: [String]
  /// Whole documents that no training ever sees.
  var heldOut: [String]

  static let passageSize = 700
  private static let documentSize = 24_000

  /// - Parameters:
  ///   - byteCount: how much text to take, spread over the kinds of files there are.
  ///   - seed: shuffles the documents.
  init(byteCount: Int, heldOutBytes: Int, seed: UInt64) throws {
    var random = MersenneTwister(seed: seed)
    // The held-out documents are the same for every seed, so that runs compare.
    let documents = try Self.documents(byteCount: byteCount)
    let held = documents.indices.filter { $0 % 20 == 7 }
    var bytes = 0
    heldOut = held.map { documents[$0] }.filter { document in
      bytes += document.utf8.count
      return bytes <= heldOutBytes
    }
    let rest = documents.indices.filter { $0 % 20 != 7 }.map { documents[$0] }
    training = random.permutation(of: rest.count).flatMap { Self.passages(of: rest[$0]) }
  }

  /// Roots and endings; those that are not there are passed over.
  private static func sources() -> [(folder: String, endings: [String])] {
    var all: [(String, [String])] = [
      ("/usr/share/doc", ["README", "readme", "copyright", ".txt", ".md", "NEWS"]),
      ("/usr/share/common-licenses", [""]),
    ]
    if let toolchain = ToolchainFolder.find() {
      all.append((toolchain + "/lib/swift/linux", [".swiftinterface"]))
      all.append((toolchain + "/lib/clang", [".h"]))
      all.append((toolchain + "/share", [".txt", ".md", ".rst"]))
    }
    let libtorch = (try? String(contentsOfFile: ".libtorch/location", encoding: .utf8))?
      .trimmingCharacters(in: .whitespacesAndNewlines)
    all.append(((libtorch ?? ".libtorch/torch") + "/include", [".h", ".hpp"]))
    return all
  }

  private static func documents(byteCount: Int) throws -> [String] {
    var seen = Set<Int>()
    let kinds = sources().map { files(in: $0.folder, endings: $0.endings) }.filter { !$0.isEmpty }
    var (documents, bytes): ([String], Int) = ([], 0)
    // One file of each kind in turn, until there is enough.
    for index in 0..<(kinds.map(\.count).max() ?? 0) {
      for files in kinds where index < files.count && bytes < byteCount {
        guard let text = try? String(contentsOfFile: files[index], encoding: .utf8) else {
          continue
        }
        let document = String(withoutRepeats(text, &seen).prefix(documentSize))
        guard document.utf8.count >= 1500 else { continue }
        documents.append(document)
        bytes += document.utf8.count
      }
    }
    guard bytes >= 2_000_000 else {
      throw TuneError(
        .data, "this machine has only \(bytes) bytes of text to learn from, fewer than 2 MB",
        remedy: "Run scripts/bootstrap, whose libtorch brings headers, or install documentation.")
    }
    return documents
  }

  private static func files(in folder: String, endings: [String]) -> [String] {
    guard let names = FileManager.default.enumerator(atPath: folder) else { return [] }
    return names.compactMap { $0 as? String }
      .filter { name in endings.contains { name.hasSuffix($0) } }
      .sorted().map { folder + "/" + $0 }
  }

  /// Licences and boilerplate stand in hundreds of files: a paragraph counts once.
  private static func withoutRepeats(_ text: String, _ seen: inout Set<Int>) -> String {
    text.components(separatedBy: "\n\n").filter { paragraph in
      var hash = 5381
      for byte in paragraph.utf8 where byte > 32 { hash = hash &* 33 &+ Int(byte) }
      return seen.insert(hash).inserted
    }.joined(separator: "\n\n")
  }

  private static func passages(of document: String) -> [String] {
    var (passages, current): ([String], String) = ([], "")
    for line in document.split(separator: "\n", omittingEmptySubsequences: false) {
      if current.utf8.count + line.utf8.count > passageSize, !current.isEmpty {
        passages.append(current)
        current = ""
      }
      current += line.prefix(passageSize / 2) + "\n"
    }
    return current.utf8.count > 40 ? passages + [current] : passages
  }
}

/// Where the Swift toolchain that built this lies.
private enum ToolchainFolder {
  static func find() -> String? {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    for folder in path.split(separator: ":") {
      let swift = URL(fileURLWithPath: String(folder) + "/swift").resolvingSymlinksInPath()
      let root = swift.deletingLastPathComponent().deletingLastPathComponent().path
      if FileManager.default.fileExists(atPath: root + "/lib/swift/linux") { return root }
    }
    return nil
  }
}
