// A dataset's README.md as the hub has it: between two lines of dashes at its start stands YAML, in
// which `configs` may list configurations with their data files. The card comes from others, so it
// may name files of its own folder only.
import Archives
import Essentials
import Foundation
import Yams

struct DatasetCard {
  struct Configuration: Equatable {
    var name: String
    var isDefault = false
    /// nil: by the names of the files.
    var dataFiles: [String: [String]]?
    var dataDir: String?
    var delimiter: String?
  }
  let configurations: [Configuration]
  private let file: String

  /// - Throws: `TuneError` `.malformedFile` for a card that is broken; none is no error.
  init(folder: String) throws {
    let path = (folder as NSString).appendingPathComponent("README.md")
    guard FileManager.default.fileExists(atPath: path) else {
      try self.init(text: "", file: path)
      return
    }
    let store = try StoredBytes(path: path)
    let bytes = try store.bytes(at: 0, count: min(store.count, Self.limit))
    try self.init(text: String(decoding: bytes, as: UTF8.self), file: path)
  }
  /// Of a card's text; the YAML at its start is far shorter.
  private static let limit = 1 << 20

  init(text: String, file: String) throws {
    self.file = file
    let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    guard lines.first.map({ $0.trimmingCharacters(in: .whitespaces) }) == "---",
      let end = lines.dropFirst().firstIndex(where: {
        $0.trimmingCharacters(in: .whitespaces) == "---"
      })
    else {
      configurations = []
      return
    }
    let yaml = lines[1..<end].joined(separator: "\n")
    let root: Node?
    do { root = try Yams.compose(yaml: yaml) } catch {
      throw TuneError(
        .malformedFile, "the YAML at the start of the dataset's card is broken",
        remedy: "Correct it, or name the files with \(Setting.dataFiles).", at: .init(file: file),
        cause: error)
    }
    let listed = root?.mapping?["configs"]?.sequence.map(Array.init) ?? []
    configurations = try listed.map { try Self.configuration($0, file) }
  }

  /// The configuration of that name, or the default one; nil when the card lists none at all.
  /// - Throws: `TuneError` naming those there are.
  func configuration(named name: String?) throws -> Configuration? {
    if configurations.isEmpty { return nil }
    let names = configurations.map(\.name).joined(separator: ", ")
    guard let name else {
      let first =
        configurations.first { $0.isDefault } ?? configurations.first { $0.name == "default" }
        ?? (configurations.count == 1 ? configurations[0] : nil)
      guard let first else {
        throw TuneError(
          .configuration, "the dataset has several configurations",
          remedy: "Choose one with \(Setting.name): \(names).", at: .init(.name))
      }
      return first
    }
    guard let found = configurations.first(where: { $0.name == name }) else {
      throw TuneError(
        .configuration, "the dataset has no configuration '\(name)'",
        remedy: "Known configurations: \(names).", at: .init(.name))
    }
    return found
  }

  private static func configuration(_ node: Node, _ file: String) throws -> Configuration {
    func fail(_ message: String) -> TuneError {
      TuneError(
        .malformedFile, "in the dataset's card, configs \(message)",
        remedy: "Name the files with \(Setting.dataFiles).", at: .init(file: file))
    }
    guard let name = node["config_name"]?.string else {
      throw fail("has an entry without config_name")
    }
    var configuration = Configuration(name: name)
    configuration.isDefault = node["default"]?.bool ?? false
    configuration.delimiter = node["sep"]?.string ?? node["delimiter"]?.string
    func inside(_ path: String) throws -> String {
      let parts = path.split(separator: "/")
      guard !path.hasPrefix("/"), !parts.contains(".."), !path.contains("://"), path.count < 1024
      else { throw fail("names '\(path.prefix(80))', which is outside the dataset") }
      return path
    }
    configuration.dataDir = try node["data_dir"]?.string.map(inside)
    func paths(_ node: Node?) throws -> [String]? {
      if let list = node?.sequence {
        return try list.map { item in
          guard let path = item.string else { throw fail("of '\(name)' has no path") }
          return try inside(path)
        }
      }
      return try node?.string.map { [try inside($0)] }
    }
    guard let listed = node["data_files"] else { return configuration }
    let entries = listed.sequence.map(Array.init) ?? []
    var files: [String: [String]] = [:]
    if entries.contains(where: { $0.mapping != nil }) {
      for entry in entries {
        guard let split = entry["split"]?.string, let found = try paths(entry["path"]) else {
          throw fail("of '\(name)' has data_files without split and path")
        }
        files[split, default: []] += found
      }
    } else {
      guard let found = try paths(listed) else {
        throw fail("of '\(name)' has data_files that are no paths")
      }
      files["train"] = found
    }
    configuration.dataFiles = files
    return configuration
  }
}
