// What the command line changes: `key.sub=value` sets, `~key` deletes. The rules are torchtune's:
// deletions come first, the command line wins over the file, a value is YAML, `None` is null, and
// `optimizer=torch.optim.SGD` on a component replaces its `_component_` and keeps its arguments.
import Essentials

package enum ConfigurationOverride: Sendable, Equatable {
  case set(path: [String], value: ConfigurationNode, argument: String)
  case delete(path: [String], argument: String)

  /// - Parameter textKeys: the last names of keys whose values are text, whatever they look like.
  /// - Throws: `TuneError` `.usage` when the argument is neither form.
  package init(_ argument: String, textKeys: Set<String> = []) throws {
    if argument.hasPrefix("~") {
      // torchtune lets a deletion carry a value and ignores it; so do we accept `~key=`.
      let key = argument.dropFirst().prefix { $0 != "=" }
      self = .delete(path: try Self.path(key, argument), argument: argument)
      return
    }
    guard let equals = argument.firstIndex(of: "=") else {
      throw TuneError(
        .usage, "'\(argument)' is neither key=value nor ~key",
        remedy: "Overrides follow the recipe: batch_size=4 optimizer.lr=1e-4 ~lr_scheduler.")
    }
    let path = try Self.path(argument[..<equals], argument)
    let text = String(argument[argument.index(after: equals)...])
    self = .set(
      path: path, value: try Self.value(text, path, argument, textKeys), argument: argument)
  }

  private static func path(_ text: Substring, _ argument: String) throws -> [String] {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy { !$0.isWhitespace } }),
      parts.count <= YAMLReader.deepestNesting
    else {
      throw TuneError(
        .usage, "'\(argument)' does not name a key", remedy: "A key is a name or a.dotted.path.")
    }
    return parts
  }

  private static func value(
    _ text: String, _ path: [String], _ argument: String, _ textKeys: Set<String>
  ) throws -> ConfigurationNode {
    let origin = ConfigurationOrigin.commandLine(argument)
    if text == "None" { return ConfigurationNode(.null, origin) }
    if let key = path.last, textKeys.contains(key) {
      return ConfigurationNode(.string(text), origin)
    }
    return try YAMLReader.value(in: text, argument: argument)
  }
}

extension ConfigurationMap {
  /// This map with the overrides applied.
  package func applying(_ overrides: [ConfigurationOverride]) throws -> ConfigurationMap {
    var map = self
    for case .delete(let path, let argument) in overrides {
      guard map.delete(path[...]) else {
        let nearest = nearestName(to: path.joined(separator: "."), among: map.dottedKeys())
        throw TuneError(
          .configuration, "cannot delete an unknown key",
          remedy: nearest.map { "Did you mean '~\($0)'?" },
          at: ConfigurationOrigin.commandLine(argument)
            .location(of: path.joined(separator: ".")))
      }
    }
    for case .set(let path, let value, _) in overrides { map.set(path[...], value) }
    return map
  }

  /// Every key of the tree as a dotted path.
  func dottedKeys(below prefix: String = "") -> [String] {
    entries.flatMap { entry in
      [prefix + entry.key]
        + (entry.node.value.map?.dottedKeys(below: prefix + entry.key + ".") ?? [])
    }
  }

  private mutating func delete(_ path: ArraySlice<String>) -> Bool {
    guard let key = path.first, let node = self[key] else { return false }
    guard path.count > 1 else {
      remove(key)
      return true
    }
    guard case .map(var inner) = node.value, inner.delete(path.dropFirst()) else { return false }
    // A map that lost its last key goes too, as in torchtune.
    if inner.entries.isEmpty {
      remove(key)
    } else {
      set(key, ConfigurationNode(.map(inner), node.origin), keyOrigin: entry(key)?.keyOrigin)
    }
    return true
  }

  private mutating func set(_ path: ArraySlice<String>, _ new: ConfigurationNode) {
    guard let key = path.first else { return }
    let old = self[key]
    guard path.count == 1 else {
      var inner = old?.value.map ?? ConfigurationMap()
      inner.set(path.dropFirst(), new)
      set(
        key, ConfigurationNode(.map(inner), old?.origin ?? new.origin),
        keyOrigin: entry(key)?.keyOrigin ?? new.origin)
      return
    }
    if case .string = new.value, var component = old?.value.map, old?.value.component != nil {
      component.set("_component_", new)
      set(key, ConfigurationNode(.map(component), new.origin))
    } else if case .map(let additions) = new.value, var existing = old?.value.map {
      for entry in additions.entries { existing.set([entry.key], entry.node) }
      set(key, ConfigurationNode(.map(existing), old?.origin ?? new.origin))
    } else {
      set(key, new)
    }
  }
}
