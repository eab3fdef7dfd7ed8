// How a launcher hands its workers the configuration that it composed: as a file that only its user can
// read. So all ranks run the same one, whatever happens to the user's file meanwhile, and their errors
// still point into that file.
import Essentials
import Foundation

extension ComposedConfiguration {
  /// What stands before the file's path among a worker's arguments.
  package static let handedOverOption = "--composed"

  /// Writes a new file that its owner alone can read.
  package func handOver(to path: String) throws {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL, 0o600)
    guard descriptor >= 0 else {
      throw TuneError(
        .disk, "cannot create the file: \(String(cString: strerror(errno)))",
        at: .init(file: path))
    }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    do {
      try handle.write(contentsOf: Data(Self.json(map).text().utf8))
      try handle.close()
    } catch {
      throw TuneError(.disk, "cannot write the file", at: .init(file: path), cause: error)
    }
  }

  /// Reads what a launcher handed over.
  package init(handedOverIn path: String) throws {
    guard let map = try Self.map(JSON.load(path: path)) else {
      throw TuneError(
        .malformedFile, "not a configuration that `tune run` handed over", at: .init(file: path))
    }
    self.init(composed: map)
  }

  private static func json(_ map: ConfigurationMap) -> JSON {
    .array(
      map.entries.map { entry in
        .array([.string(entry.key), json(entry.keyOrigin), json(entry.node)])
      })
  }

  private static func json(_ node: ConfigurationNode) -> JSON {
    let value: JSON =
      switch node.value {
      case .null: .null
      case .bool(let flag): .bool(flag)
      case .int(let number): .integer(number)
      // As text, which all numbers have, infinity too.
      case .double(let number): ["double": .string("\(number)")]
      case .string(let text): .string(text)
      case .list(let list): .array(list.map(json))
      case .map(let map): ["map": json(map)]
      }
    var object: JSONObject = ["at": json(node.origin), "value": value]
    if let reference = node.reference { object["reference"] = .string(reference) }
    return .object(object)
  }

  private static func json(_ origin: ConfigurationOrigin) -> JSON {
    switch origin {
    case .file(let file, let line): ["file": .string(file), "line": .integer(line)]
    case .commandLine(let argument): ["argument": .string(argument)]
    case .schema: .null
    }
  }

  private static func map(_ json: JSON) -> ConfigurationMap? {
    guard let entries = json.array else { return nil }
    var map = ConfigurationMap()
    for entry in entries {
      guard let parts = entry.array, parts.count == 3, let key = parts[0].string,
        let keyOrigin = origin(parts[1]), let node = node(parts[2])
      else { return nil }
      map.set(key, node, keyOrigin: keyOrigin)
    }
    return map
  }

  private static func node(_ json: JSON) -> ConfigurationNode? {
    guard let origin = json["at"].flatMap(origin), let value = json["value"].flatMap(value) else {
      return nil
    }
    let reference = json["reference"]?.string
    if let reference { hideVariables(of: reference) }
    return ConfigurationNode(value, origin, reference: reference)
  }

  /// A worker has the environment of its launcher.
  private static func hideVariables(of reference: String) {
    for part in reference.components(separatedBy: "oc.env:").dropFirst() {
      let name = String(part.prefix { $0 != "}" && $0 != "," })
        .trimmingCharacters(in: .whitespaces)
      if let value = ProcessInfo.processInfo.environment[name] {
        HiddenValues.hide(value, as: "${oc.env:\(name)}")
      }
    }
  }

  private static func value(_ json: JSON) -> ConfigurationValue? {
    switch json {
    case .null: return .null
    case .bool(let flag): return .bool(flag)
    case .integer(let number): return .int(number)
    case .string(let text): return .string(text)
    case .array(let elements):
      let nodes = elements.compactMap(node)
      return nodes.count == elements.count ? .list(nodes) : nil
    case .object(let object):
      if let text = object["double"]?.string { return Double(text).map { .double($0) } }
      return object["map"].flatMap(map).map { .map($0) }
    case .number: return nil
    }
  }

  private static func origin(_ json: JSON) -> ConfigurationOrigin? {
    if json.isNull { return .schema }
    if let argument = json["argument"]?.string { return .commandLine(argument) }
    guard let file = json["file"]?.string, let line = json["line"]?.integer else { return nil }
    return .file(file, line: line)
  }
}
