// Patterns of paths: `*`, `?` and `[...]` within a name, `**` for any number of folders. They come from others'
// cards too, and the names that they are held against are others' as well; so nothing here takes more time
// than the length of a pattern times that of a path.
import Essentials
import Foundation

extension DataFolder {
  /// The files that a path or a pattern names, in order.
  static func expand(_ path: String) throws -> [String] {
    if FileManager.default.fileExists(atPath: path) { return [path] }
    let parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard let first = parts.firstIndex(where: FilePattern.isPattern) else { return [] }
    let folder = parts[..<first].joined(separator: "/")
    let root = folder.isEmpty ? (path.hasPrefix("/") ? "/" : ".") : folder
    let pattern = FilePattern(Array(parts[first...]))
    let found =
      pattern.isRecursive
      ? try listing(of: root).filter(pattern.matches) : pattern.names(below: root)
    return found.map {
      folder.isEmpty && root == "." ? $0 : (root as NSString).appendingPathComponent($0)
    }
  }
}

package struct FilePattern {
  private enum Sign {
    case any, one
    case exactly(Character)
    case set([ClosedRange<Character>], negated: Bool)
  }
  private enum Part {
    case folders
    case name([Sign])
  }
  private let parts: [Part]

  static func isPattern(_ text: String) -> Bool { text.contains { "*?[".contains($0) } }

  package init(_ names: [String]) {
    parts = names.map { $0 == "**" ? .folders : .name(Self.signs(Array($0))) }
  }

  var isRecursive: Bool { parts.contains { if case .folders = $0 { true } else { false } } }

  /// Whether it names a path.
  package func matches(_ path: String) -> Bool {
    let names = path.split(separator: "/").map { Array($0) }
    // Which lengths of the path the parts so far can stand for.
    var reached = [true] + [Bool](repeating: false, count: names.count)
    for (index, part) in parts.enumerated() {
      var next = [Bool](repeating: false, count: names.count + 1)
      switch part {
      case .name(let signs):
        for (position, name) in names.enumerated() where reached[position] {
          next[position + 1] = Self.matches(name, signs)
        }
      case .folders:
        // At the end it stands for the file too, which must be there.
        let isLast = index + 1 == parts.count
        var isReached = false
        for position in next.indices {
          next[position] = isLast ? isReached : isReached || reached[position]
          isReached = isReached || reached[position]
        }
      }
      reached = next
    }
    return reached[names.count]
  }

  /// The paths below a folder that it names, a level at a time. Only a pattern that names the dot finds
  /// what is hidden.
  func names(below root: String) -> [String] {
    var found = [""]
    for (index, part) in parts.enumerated() {
      guard case .name(let signs) = part else { return [] }
      let isLast = index + 1 == parts.count
      found = found.flatMap { folder -> [String] in
        let place = folder.isEmpty ? root : root + "/" + folder
        let entries = (try? FileManager.default.contentsOfDirectory(atPath: place)) ?? []
        return entries.filter { name in
          guard !name.hasPrefix(".") || Self.namesDot(signs), Self.matches(Array(name), signs)
          else {
            return false
          }
          var isFolder: ObjCBool = false
          return FileManager.default.fileExists(atPath: place + "/" + name, isDirectory: &isFolder)
            && (isLast || isFolder.boolValue)
        }.sorted().map { folder.isEmpty ? $0 : folder + "/" + $0 }
      }
    }
    return found
  }

  private static func namesDot(_ signs: [Sign]) -> Bool {
    if case .exactly(".")? = signs.first { true } else { false }
  }

  private static func signs(_ text: [Character]) -> [Sign] {
    var signs: [Sign] = []
    var i = 0
    // Where one `[` has no end, none after it has: they are not looked for again.
    var mayEnd = true
    while i < text.count {
      switch text[i] {
      case "*":
        if case .any? = signs.last { break }
        signs.append(.any)
      case "?": signs.append(.one)
      case "[":
        if mayEnd, let (set, end) = set(text, from: i + 1) {
          signs.append(set)
          i = end
        } else {
          mayEnd = false
          signs.append(.exactly("["))
        }
      case "\\" where i + 1 < text.count:
        i += 1
        signs.append(.exactly(text[i]))
      case let character: signs.append(.exactly(character))
      }
      i += 1
    }
    return signs
  }

  /// A set behind its `[`, and the place of its `]`; nil where that is missing.
  private static func set(_ text: [Character], from start: Int) -> (Sign, Int)? {
    let isNegated = start < text.count && (text[start] == "!" || text[start] == "^")
    var i = start + (isNegated ? 1 : 0)
    // A `]` at the start is one of the set.
    guard let end = text.indices.first(where: { $0 > i && text[$0] == "]" }) else { return nil }
    var ranges: [ClosedRange<Character>] = []
    while i < end {
      if i + 2 < end, text[i + 1] == "-" {
        if text[i] <= text[i + 2] { ranges.append(text[i]...text[i + 2]) }
        i += 3
      } else {
        ranges.append(text[i]...text[i])
        i += 1
      }
    }
    return (.set(ranges, negated: isNegated), end)
  }

  private static func matches(_ name: [Character], _ signs: [Sign]) -> Bool {
    // The last `*`, and the place up to which it is thought to reach: no other needs to be revised.
    var (sign, place) = (0, 0)
    var star: (sign: Int, place: Int)?
    while place < name.count {
      if sign < signs.count, case .any = signs[sign] {
        star = (sign, place)
        sign += 1
      } else if sign < signs.count, accepts(signs[sign], name[place]) {
        sign += 1
        place += 1
      } else if let last = star {
        star = (last.sign, last.place + 1)
        (sign, place) = (last.sign + 1, last.place + 1)
      } else {
        return false
      }
    }
    return signs[sign...].allSatisfy { if case .any = $0 { true } else { false } }
  }

  private static func accepts(_ sign: Sign, _ character: Character) -> Bool {
    switch sign {
    case .any, .one: true
    case .exactly(let wanted): wanted == character
    case .set(let ranges, let negated): ranges.contains { $0.contains(character) } != negated
    }
  }
}
