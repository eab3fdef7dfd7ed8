// `${...}` in values, as OmegaConf resolves it: `${a.b}` is another key, `${.b}` a neighbour,
// `${..b}` a neighbour of the map around it; `${oc.env:NAME}` and `${oc.env:NAME,default}` read
// the environment; `${oc.decode:text}` reads text as YAML. A value that is one interpolation and
// nothing else keeps the type of what it refers to. `\${` is a literal `${`.
import Essentials

extension ConfigurationMap {
  /// This map with every interpolation replaced by what it refers to.
  package func resolvingInterpolations(environment: [String: String]) throws -> ConfigurationMap {
    var resolver = InterpolationResolver(root: self, environment: environment)
    return try resolver.resolve(map: self, at: [])
  }
}

struct InterpolationResolver {
  let root: ConfigurationMap
  let environment: [String: String]
  /// The keys being resolved, outermost first: meeting one again is a cycle.
  private var visiting: [String] = []
  /// References to references multiply: so many values may be reached through them, and so much text
  /// read and made on the way.
  static let mostReferredValues = 100_000
  static let mostText = 16 << 20
  private var referredValues = 0
  private var textBytes = 0
  /// Whether a variable of the environment went into what is being resolved.
  private var usesEnvironment = false

  init(root: ConfigurationMap, environment: [String: String]) {
    self.root = root
    self.environment = environment
  }

  mutating func resolve(map: ConfigurationMap, at path: [String]) throws -> ConfigurationMap {
    var resolved = ConfigurationMap()
    for entry in map.entries {
      let node = try resolve(entry.node, at: path + [entry.key])
      resolved.set(entry.key, node, keyOrigin: entry.keyOrigin)
    }
    return resolved
  }

  private mutating func resolve(_ node: ConfigurationNode, at path: [String]) throws
    -> ConfigurationNode
  {
    if !visiting.isEmpty {
      referredValues += 1
      guard referredValues <= Self.mostReferredValues else {
        throw problem(
          "interpolations refer to more than \(Self.mostReferredValues) values", node, path)
      }
    }
    switch node.value {
    case .map(let map):
      return ConfigurationNode(.map(try resolve(map: map, at: path)), node.origin)
    case .list(let list):
      var elements: [ConfigurationNode] = []
      for (index, element) in list.enumerated() {
        elements.append(try resolve(element, at: path + [String(index)]))
      }
      return ConfigurationNode(.list(elements), node.origin)
    case .string(let text) where text.contains("${"):
      let outer = usesEnvironment
      usesEnvironment = false
      let value = try resolve(text: text, node, path)
      let reference = usesEnvironment ? text : nil
      usesEnvironment = usesEnvironment || outer
      return ConfigurationNode(value, node.origin, reference: reference)
    default:
      return node
    }
  }

  private mutating func resolve(text: String, _ node: ConfigurationNode, _ path: [String]) throws
    -> ConfigurationValue
  {
    let key = path.joined(separator: ".")
    if let start = visiting.firstIndex(of: key) {
      let cycle = (visiting[start...] + [key]).joined(separator: " -> ")
      throw problem("the interpolations refer to each other: \(cycle)", node, path)
    }
    guard visiting.count < YAMLReader.deepestNesting else {
      throw problem("a chain of more than \(YAMLReader.deepestNesting) interpolations", node, path)
    }
    visiting.append(key)
    defer { visiting.removeLast() }
    return try evaluate(text[...], node, path, depth: 0)
  }

  /// Literal text and interpolations, one after the other.
  private mutating func evaluate(
    _ text: Substring, _ node: ConfigurationNode, _ path: [String], depth: Int
  ) throws -> ConfigurationValue {
    guard depth <= 16 else { throw problem("interpolation nested too deeply", node, path) }
    try count(text.utf8.count, node, path)
    var (rest, result) = (text, "")
    while let start = rest.firstRange(of: "${") {
      let literal = rest[..<start.lowerBound]
      if literal.hasSuffix("\\") {
        result += literal.dropLast() + "${"
        rest = rest[start.upperBound...]
        continue
      }
      result += literal
      guard let end = closingBrace(of: rest[start.upperBound...]) else {
        throw problem("missing '}' after '${'", node, path)
      }
      let inner = rest[start.upperBound..<end]
      let value = try refer(to: inner, node, path, depth: depth)
      let isWhole = start.lowerBound == text.startIndex && rest.index(after: end) == text.endIndex
      if isWhole { return value }
      let piece = try piece(value, inner, node, path)
      try count(piece.utf8.count, node, path)
      result += piece
      rest = rest[rest.index(after: end)...]
    }
    return .string(result + rest)
  }

  /// Before the text is made.
  private mutating func count(_ bytes: Int, _ node: ConfigurationNode, _ path: [String]) throws {
    textBytes += bytes
    guard textBytes <= Self.mostText else {
      throw problem("interpolations make more than \(Self.mostText >> 20) MiB of text", node, path)
    }
  }

  private func piece(
    _ value: ConfigurationValue, _ inner: Substring, _ node: ConfigurationNode, _ path: [String]
  ) throws -> String {
    switch value {
    case .string(let text): return text
    case .map, .list:
      throw problem("'${\(inner)}' is \(value.kind) and cannot be part of a string", node, path)
    // As Python prints them, so that composed names of folders and files are torchtune's.
    case .bool(let flag): return flag ? "True" : "False"
    case .null: return "None"
    case .double(let number): return String(number)
    case .int(let number): return String(number)
    }
  }

  private func closingBrace(of text: Substring) -> Substring.Index? {
    var depth = 1
    for index in text.indices {
      if text[index] == "{" { depth += 1 }
      if text[index] == "}" { depth -= 1 }
      if depth == 0 { return index }
    }
    return nil
  }

  /// The value of what stands between the braces.
  private mutating func refer(
    to inner: Substring, _ node: ConfigurationNode, _ path: [String], depth: Int
  ) throws -> ConfigurationValue {
    let name = inner.trimmingSpaces()
    if let colon = name.firstIndex(of: ":") {
      return try call(name[..<colon], name[name.index(after: colon)...], node, path, depth)
    }
    var reference = name
    if reference.contains("${") {
      let nested = try evaluate(reference, node, path, depth: depth + 1)
      reference = try piece(nested, inner, node, path)[...]
    }
    return try lookUp(reference, node, path)
  }

  private mutating func call(
    _ function: Substring, _ argument: Substring, _ node: ConfigurationNode, _ path: [String],
    _ depth: Int
  ) throws -> ConfigurationValue {
    switch function {
    case "oc.env":
      let parts = argument.split(separator: ",", maxSplits: 1, omittingEmptySubsequences: false)
      let variable = String(parts[0].trimmingSpaces())
      if let value = environment[variable] {
        usesEnvironment = true
        HiddenValues.hide(value, as: "${oc.env:\(variable)}")
        return .string(value)
      }
      guard parts.count == 2 else {
        throw problem(
          "the environment variable '\(variable)' is not set", node, path,
          remedy: "Export it, or give a default: ${oc.env:\(variable),default}.")
      }
      let fallback = try evaluate(parts[1].trimmingSpaces(), node, path, depth: depth + 1)
      if fallback == .null || fallback == .string("null") { return .null }
      return .string(try piece(fallback, argument, node, path))
    case "oc.decode":
      let value = try evaluate(argument.trimmingSpaces(), node, path, depth: depth + 1)
      guard case .string(let text) = value else { return value }
      return try YAMLReader.value(
        in: text, decodedAt: node.origin, key: path.joined(separator: "."))
    default:
      throw problem(
        "unknown resolver '\(function)'", node, path,
        remedy: "oc.env and oc.decode are supported.")
    }
  }

  private mutating func lookUp(
    _ reference: Substring, _ node: ConfigurationNode, _ path: [String]
  ) throws -> ConfigurationValue {
    let dots = reference.prefix { $0 == "." }.count
    guard dots <= path.count else {
      throw problem("'${\(reference)}' points outside the configuration", node, path)
    }
    let base = dots == 0 ? [] : Array(path.dropLast(dots))
    let steps = reference.dropFirst(dots).split(separator: ".").map(String.init)
    let target = base + steps
    guard !steps.isEmpty, let found = try value(at: target) else {
      let nearest = nearestName(to: target.joined(separator: "."), among: root.dottedKeys())
      throw problem(
        "'${\(reference)}' refers to an unknown key", node, path,
        remedy: nearest.map { "Did you mean '${\($0)}'?" })
    }
    // A map that holds this very key would resolve itself for ever.
    if path.starts(with: target) {
      throw problem("'${\(reference)}' refers to a map that contains it", node, path)
    }
    return try resolve(found, at: target).value
  }

  /// What stands at a path, which may lead through other interpolations.
  private mutating func value(at path: [String]) throws -> ConfigurationNode? {
    var node: ConfigurationNode?
    var current = ConfigurationValue.map(root)
    for (depth, step) in path.enumerated() {
      if let passed = node, case .string(let text) = passed.value, text.contains("${") {
        current = try resolve(passed, at: Array(path[..<depth])).value
      }
      switch current {
      case .map(let map): node = map[step]
      case .list(let list): node = Int(step).flatMap { list.indices.contains($0) ? list[$0] : nil }
      default: return nil
      }
      guard let found = node else { return nil }
      current = found.value
    }
    return node
  }

  private func problem(
    _ message: String, _ node: ConfigurationNode, _ path: [String], remedy: String? = nil
  ) -> TuneError {
    YAMLReader.problem(
      message, key: path.joined(separator: "."), at: node.origin, remedy: remedy)
  }
}

extension Substring {
  fileprivate func trimmingSpaces() -> Substring {
    var text = drop { $0 == " " }
    while text.last == " " { text = text.dropLast() }
    return text
  }
}
