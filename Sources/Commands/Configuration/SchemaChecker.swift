// A configuration against its schema. All problems are found in one pass, each with file, line
// and key, before a weight or a dataset is touched. What passes comes out in one form: defaults
// filled in, numbers of the declared type, component paths canonical.
import Essentials

package struct SchemaChecker {
  package private(set) var problems: [TuneError] = []
  /// What is no mistake and does nothing.
  package private(set) var remarks: [TuneError] = []
  private let components: ComponentTable

  package init(_ components: ComponentTable) { self.components = components }

  package mutating func check(
    _ map: ConfigurationMap, keys: [KeyDeclaration], path: String = "",
    origin: ConfigurationOrigin, owner: String? = nil, component: ComponentDeclaration? = nil
  ) -> Section {
    let owner = owner ?? component?.path
    var values = ConfigurationMap()
    var sections: [String: Section] = [:]
    var lists: [String: [Section]] = [:]
    refuseUnknownKeys(of: map, keys, path, owner, isComponent: component != nil)
    for key in keys {
      let entry = map.entry(key.name)
      let name = path.isEmpty ? key.name : path + "." + key.name
      guard let entry else {
        if key.presence == .required {
          report("missing required key", name, origin, remedy: key.summary + ".")
        }
        let value = key.defaultValue
        values.set(key.name, ConfigurationNode(value, .schema))
        if case .map(let inner) = key.type, let map = value.map {
          sections[key.name] = check(map, keys: inner, path: name, origin: .schema)
        }
        continue
      }
      let checked = check(entry, key, name)
      values.set(
        key.name, checked.node ?? ConfigurationNode(key.defaultValue, entry.node.origin),
        keyOrigin: entry.keyOrigin)
      sections[key.name] = checked.section
      if case .components = key.type {
        lists[key.name] = checked.list ?? checked.section.map { [$0] } ?? []
      }
    }
    // Kept for where it was written: rules complain about components too.
    if component != nil, let written = map.entry("_component_") {
      values.set("_component_", written.node, keyOrigin: written.keyOrigin)
    }
    for (key, value) in component?.preset ?? [] {
      values.set(key, ConfigurationNode(value, .schema))
    }
    return Section(
      path: path, component: component?.path, family: component?.family, values: values,
      sections: sections, lists: lists, origin: origin)
  }

  private mutating func refuseUnknownKeys(
    of map: ConfigurationMap, _ keys: [KeyDeclaration], _ path: String,
    _ owner: String?, isComponent: Bool
  ) {
    let known = Set(keys.map(\.name))
    for entry in map.entries where !known.contains(entry.key) {
      if isComponent, entry.key == "_component_" { continue }
      let name = path.isEmpty ? entry.key : path + "." + entry.key
      let listed = known.sorted().joined(separator: ", ")
      let takes = known.isEmpty ? "It has no arguments." : "Arguments: \(listed)."
      let remedy =
        nearestName(to: entry.key, among: known).map { "Did you mean '\($0)'?" }
        ?? (path.isEmpty ? nil : takes)
      let whose = owner.map { " of \($0)" } ?? ""
      report("unknown key\(whose)", name, entry.keyOrigin, remedy: remedy)
    }
  }

  private mutating func check(
    _ entry: ConfigurationMap.Entry, _ key: KeyDeclaration, _ name: String
  ) -> (node: ConfigurationNode?, section: Section?, list: [Section]?) {
    if let allowed = key.onlyAt {
      if key.needless.contains(where: { $0.means(entry.node.value) }) {
        remarks.append(
          TuneError(
            .configuration, "has no effect. " + key.summary,
            at: entry.keyOrigin.location(of: name)))
      } else if !allowed.contains(where: { $0.means(entry.node.value) }) {
        report(
          "unsupported value \(entry.node.reference ?? YAMLWriter.inline(entry.node.value))", name,
          entry.keyOrigin,
          remedy: key.summary + " Remove the key, or set it to \(YAMLWriter.inline(allowed[0])).")
      }
      return (ConfigurationNode(allowed[0], entry.node.origin), nil, nil)
    }
    if entry.node.value == .null, key.isNullable { return (entry.node, nil, nil) }
    if let map = entry.node.value.map, let inner = key.type.keys {
      return (entry.node, check(map, keys: inner, path: name, origin: entry.keyOrigin), nil)
    }
    if let role = key.type.role, entry.node.value.map != nil {
      return (entry.node, component(entry, role, name), nil)
    }
    if case .components(let role) = key.type, case .list(let list) = entry.node.value {
      return (entry.node, nil, components(list, role, name, entry))
    }
    return (value(entry.node, key.type, name, entry.keyOrigin, key), nil, nil)
  }

  private mutating func components(
    _ list: [ConfigurationNode], _ role: ComponentRole, _ name: String,
    _ entry: ConfigurationMap.Entry
  ) -> [Section] {
    if list.isEmpty {
      report("is empty: name at least one \(role.rawValue)", name, entry.keyOrigin)
    }
    return list.enumerated().compactMap { index, node in
      let place = "\(name)[\(index)]"
      guard node.value.map != nil else {
        mismatch(node, .component(role), place, node.origin, nil)
        return nil
      }
      return component(.init(key: place, node: node, keyOrigin: node.origin), role, place)
    }
  }

  private mutating func component(
    _ entry: ConfigurationMap.Entry, _ role: ComponentRole, _ name: String
  ) -> Section? {
    guard let map = entry.node.value.map else { return nil }
    guard let written = map.entry("_component_") else {
      report(
        "missing _component_", name, entry.keyOrigin,
        remedy: "Name \(role.withArticle), such as \(components.paths(for: role)[0]).")
      return nil
    }
    guard let path = written.node.value.string else {
      mismatch(written.node, .string, name + "._component_", written.keyOrigin, nil)
      return nil
    }
    switch components.find(path, for: role) {
    case .found(let declaration):
      return check(
        map, keys: declaration.arguments, path: name, origin: entry.keyOrigin,
        component: declaration)
    case .refused(let reason):
      report(
        "'\(path)' is not supported", name + "._component_", written.keyOrigin, remedy: reason)
    case .otherRole(let other):
      report(
        "must be \(role.withArticle), but '\(path)' is \(other.withArticle)",
        name + "._component_", written.keyOrigin)
    case .unknown(let nearest):
      report(
        "unknown \(role.rawValue) '\(path)'", name + "._component_", written.keyOrigin,
        remedy: nearest.map { "Did you mean '\($0)'?" }
          ?? components.overview(of: role))
    }
    return nil
  }

  /// The value in the form of its type, or nil and a problem reported.
  private mutating func value(
    _ node: ConfigurationNode, _ type: ValueType, _ name: String,
    _ origin: ConfigurationOrigin, _ key: KeyDeclaration?
  ) -> ConfigurationNode? {
    switch (type, node.value) {
    case (.either(let types), let value):
      guard let fitting = types.first(where: { $0.admits(value) }) else { break }
      return self.value(node, fitting, name, origin, key)
    case (.list(let element, let count), .list(let list)):
      guard count == nil || count == list.count else { break }
      let checked = list.enumerated().compactMap { index, inner in
        value(inner, element, "\(name)[\(index)]", inner.origin, key)
      }
      return ConfigurationNode(.list(checked), node.origin)
    case (.list(let element, count: nil), let single) where element.admits(single):
      // A single value for a list of any length is a list of one, as torchtune's datasets take it.
      guard let checked = value(node, element, name, origin, key) else { return nil }
      return ConfigurationNode(.list([checked]), node.origin)
    case (.mapOf(let element), .map(let map)):
      var checked = ConfigurationMap()
      for entry in map.entries {
        let place = "\(name).\(entry.key)"
        if let node = value(entry.node, element, place, entry.keyOrigin, nil) {
          checked.set(entry.key, node, keyOrigin: entry.keyOrigin)
        }
      }
      return ConfigurationNode(.map(checked), node.origin)
    default:
      if let converted = type.converting(node.value) {
        return ConfigurationNode(converted, node.origin)
      }
    }
    mismatch(node, type, name, origin, key)
    return nil
  }

  private mutating func mismatch(
    _ node: ConfigurationNode, _ type: ValueType, _ name: String,
    _ origin: ConfigurationOrigin, _ key: KeyDeclaration?
  ) {
    let wanted = type.description + (key?.isNullable == true ? " or null" : "")
    // What null does is in the key's summary, for those who wrote 0 or -1 for "none".
    let aboutNull = key.flatMap {
      $0.isNullable && $0.summary.contains("null ") ? $0.summary + "." : nil
    }
    report(
      "must be \(wanted), not \(node.shown)", name, origin,
      remedy: type.remedy(for: node.value) ?? aboutNull)
  }

  private mutating func report(
    _ message: String, _ key: String, _ origin: ConfigurationOrigin, remedy: String? = nil
  ) {
    problems.append(YAMLReader.problem(message, key: key, at: origin, remedy: remedy))
  }
}

extension KeyDeclaration {
  package var defaultValue: ConfigurationValue {
    if case .defaultsTo(let value) = presence { value } else { .null }
  }
}
