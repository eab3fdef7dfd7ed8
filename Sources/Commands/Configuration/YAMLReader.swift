// YAML text to a configuration tree. Yams finds the structure and the line of everything; what a
// scalar means is ours (YAMLScalar), because configurations are read the way OmegaConf reads
// them. A configuration may come from anywhere, so size, depth and the growth through anchors are
// bounded.
import Essentials
import Foundation
import Yams

package enum YAMLReader {
  static let largestFile = 1 << 20
  static let deepestNesting = 64
  static let mostNodes = 100_000
  /// Aliases that refer to aliases multiply; 32 of them cannot reach a million nodes.
  static let mostAliases = 32

  /// - Throws: `TuneError` `.missingFile`, or `.configuration` with file and line.
  package static func read(file: String) throws -> ConfigurationMap {
    guard let handle = FileHandle(forReadingAtPath: file) else {
      throw TuneError(.missingFile, "cannot open the configuration", at: .init(file: file))
    }
    defer { try? handle.close() }
    let data: Data
    do {
      data = try handle.read(upToCount: largestFile + 1) ?? Data()
    } catch {
      throw TuneError(
        .missingFile, "cannot read the configuration", at: .init(file: file), cause: error)
    }
    guard let text = String(data: data, encoding: .utf8) else {
      throw TuneError(.configuration, "the file is not UTF-8 text", at: .init(file: file))
    }
    return try map(in: text, file: file)
  }

  /// The map that a whole document is.
  package static func map(in text: String, file: String) throws -> ConfigurationMap {
    let origin = ConfigurationOrigin.file(file, line: 1)
    let node = try node(in: text, origin: { .file(file, line: $0) })
    switch node?.value {
    case .map(let map)?: return map
    case nil, .null?:
      throw problem("the configuration is empty", at: node?.origin ?? origin)
    case .some(let other):
      throw problem(
        "a configuration is a map of keys and values, and this is \(other.kind)",
        at: node?.origin ?? origin)
    }
  }

  /// A single value, as it stands in an override on the command line.
  static func value(in text: String, argument: String) throws -> ConfigurationNode {
    let origin = ConfigurationOrigin.commandLine(argument)
    return try node(in: text, origin: { _ in origin }) ?? ConfigurationNode(.null, origin)
  }

  /// A single value in the text that `oc.decode` reads for a key.
  static func value(in text: String, decodedAt origin: ConfigurationOrigin, key: String) throws
    -> ConfigurationValue
  {
    do {
      return try node(in: text, origin: { _ in origin })?.value ?? .null
    } catch var error as TuneError {
      error.message = "oc.decode: " + error.message
      error.location.key = key
      throw error
    }
  }

  private static func node(
    in text: String, origin: @escaping (Int) -> ConfigurationOrigin
  ) throws -> ConfigurationNode? {
    guard text.utf8.count <= largestFile else {
      throw problem("a configuration is at most \(largestFile >> 20) MiB", at: origin(1))
    }
    if let line = lineOfDeepNesting(text) {
      throw problem("more than \(deepestNesting) levels deep", at: origin(line))
    }
    guard aliasCount(text) <= mostAliases else {
      throw problem("more than \(mostAliases) aliases", at: origin(1))
    }
    do {
      guard let root = try Yams.compose(yaml: text, .basic) else { return nil }
      var conversion = YAMLConversion(origin: origin)
      return try conversion.convert(root, inheriting: 1, depth: 0)
    } catch let error as YamlError {
      throw translated(error, origin)
    }
  }

  /// The YAML parser recurses, so a file of a million brackets must not reach it. Brackets in
  /// strings and comments count too: no real configuration has 64 of them open.
  private static func lineOfDeepNesting(_ text: String) -> Int? {
    var (line, open, dashes) = (1, 0, 0)
    var atIndicator = true
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\n"): (line, dashes, atIndicator) = (line + 1, 0, true)
      case UInt8(ascii: "["), UInt8(ascii: "{"): open += 1
      case UInt8(ascii: "]"), UInt8(ascii: "}"): open = max(0, open - 1)
      case UInt8(ascii: "-"), UInt8(ascii: "?"), UInt8(ascii: ":"): if atIndicator { dashes += 1 }
      case UInt8(ascii: " "), UInt8(ascii: "\t"): break
      default: atIndicator = false
      }
      if open > deepestNesting || dashes > deepestNesting { return line }
    }
    return indentationIsDeep(text)
  }

  /// The line where block nesting passes the limit. Each level of it is one more column.
  private static func indentationIsDeep(_ text: String) -> Int? {
    var indents: [Int] = []
    for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    {
      let indent = line.utf8.prefix { $0 == UInt8(ascii: " ") }.count
      if indent == line.utf8.count { continue }
      while let last = indents.last, last >= indent { indents.removeLast() }
      indents.append(indent)
      if indents.count > deepestNesting { return number + 1 }
    }
    return nil
  }

  private static func aliasCount(_ text: String) -> Int {
    guard text.contains("&") else { return 0 }
    var (count, previous) = (0, UInt8(ascii: "\n"))
    for byte in text.utf8 {
      if previous == UInt8(ascii: "*"), byte > UInt8(ascii: " ") { count += 1 }
      previous = byte
    }
    return count
  }

  private static func translated(
    _ error: YamlError, _ origin: (Int) -> ConfigurationOrigin
  ) -> TuneError {
    switch error {
    case .scanner(let context, let text, let mark, _), .parser(let context, let text, let mark, _),
      .composer(let context, let text, let mark, _):
      let setting = context.map { $0.text + ": " } ?? ""
      let hint =
        text.contains("cannot start any token") ? "YAML is indented with spaces, not tabs." : nil
      return problem(
        "not valid YAML: \(setting)\(text) (column \(mark.column))", at: origin(mark.line),
        remedy: hint)
    case .duplicatedKeysInMapping(let keys, let context):
      return problem(
        "the key is given twice", key: keys.first, at: origin(context.mark.line),
        remedy: "Keep one of the two.")
    case .reader(let text, _, _, _):
      return problem("not valid YAML: \(text)", at: origin(1))
    default:
      return problem("not valid YAML: \(error)", at: origin(1))
    }
  }

  static func problem(
    _ message: String, key: String? = nil, at origin: ConfigurationOrigin, remedy: String? = nil
  ) -> TuneError {
    TuneError(.configuration, message, remedy: remedy, at: origin.location(of: key))
  }
}

/// Yams' nodes to ours, with merge keys (`<<`) and explicit tags.
private struct YAMLConversion {
  let origin: (Int) -> ConfigurationOrigin
  private var count = 0

  init(origin: @escaping (Int) -> ConfigurationOrigin) { self.origin = origin }

  mutating func convert(_ node: Node, inheriting line: Int, depth: Int) throws
    -> ConfigurationNode
  {
    let line = node.mark?.line ?? line
    count += 1
    guard count <= YAMLReader.mostNodes, depth <= 2 * YAMLReader.deepestNesting else {
      throw YAMLReader.problem("the configuration is too large", at: origin(line))
    }
    switch node {
    case .scalar(let scalar):
      return ConfigurationNode(try value(of: scalar, line), origin(line))
    case .sequence(let sequence):
      var list: [ConfigurationNode] = []
      for element in sequence {
        list.append(try convert(element, inheriting: line, depth: depth + 1))
      }
      return ConfigurationNode(.list(list), origin(line))
    case .mapping(let mapping):
      return ConfigurationNode(.map(try map(mapping, line, depth)), origin(line))
    case .alias:
      throw YAMLReader.problem("an alias without its anchor", at: origin(line))
    }
  }

  private mutating func map(_ mapping: Node.Mapping, _ line: Int, _ depth: Int) throws
    -> ConfigurationMap
  {
    var own = ConfigurationMap()
    var merged: [ConfigurationMap] = []
    for (key, value) in mapping {
      let keyLine = key.mark?.line ?? line
      guard case .scalar(let name) = key else {
        throw YAMLReader.problem("a key must be a name", at: origin(keyLine))
      }
      let converted = try convert(value, inheriting: keyLine, depth: depth + 1)
      if name.string == "<<", name.style == .plain {
        merged += try mergeSources(converted)
      } else {
        own.set(name.string, converted, keyOrigin: origin(keyLine))
      }
    }
    // A key of the map itself wins over a merged one, an earlier merged map over a later.
    for entry in merged.flatMap(\.entries) where own[entry.key] == nil {
      own.set(entry.key, entry.node, keyOrigin: entry.keyOrigin)
    }
    return own
  }

  private func mergeSources(_ node: ConfigurationNode) throws -> [ConfigurationMap] {
    switch node.value {
    case .map(let map): return [map]
    case .list(let nodes): return try nodes.flatMap(mergeSources)
    default: throw YAMLReader.problem("'<<' merges maps only", at: node.origin)
    }
  }

  private func value(of scalar: Node.Scalar, _ line: Int) throws -> ConfigurationValue {
    let text = scalar.string
    switch scalar.tag.description {
    case "tag:yaml.org,2002:str": return .string(text)
    case "tag:yaml.org,2002:null": return .null
    case "!": return .string(text)
    case "", "tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:bool":
      return scalar.style == .plain ? YAMLScalar.resolve(text) : .string(text)
    case let tag:
      throw YAMLReader.problem("the YAML tag '\(tag)' is not understood", at: origin(line))
    }
  }
}
