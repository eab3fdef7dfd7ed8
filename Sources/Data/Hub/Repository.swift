// A repository on the Hub and one of its states, and the addresses that the Hub gives them.
import Essentials
import Foundation

package struct Repository: Sendable, Equatable {
  package enum Kind: String, Sendable, CaseIterable {
    case model, dataset
  }
  package let id: String
  package let kind: Kind
  /// A branch, a tag or a commit.
  package let revision: String

  /// - Throws: `TuneError` `.usage` for an id or revision that no repository can have.
  package init(_ id: String, kind: Kind = .model, revision: String = "main") throws {
    let parts = id.split(separator: "/", omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count), parts.allSatisfy(Self.isName), !id.contains("--"),
      !id.contains("..")
    else {
      throw TuneError(
        .usage, "invalid repository name '\(clean(id))'",
        remedy: "Use owner/name with letters, digits, '-', '_' and '.'.")
    }
    let words = revision.split(separator: "/", omittingEmptySubsequences: false)
    guard !revision.isEmpty, revision.utf8.count <= 250, revision == clean(revision),
      words.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." })
    else { throw TuneError(.usage, "'\(clean(revision))' is not a branch, tag or commit") }
    self.id = id
    self.kind = kind
    self.revision = revision
  }

  private static func isName(_ name: Substring) -> Bool {
    let known = name.utf8.allSatisfy {
      switch $0 {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
        UInt8(ascii: "."):
        true
      default: false
      }
    }
    let edges = [name.first, name.last]
    return known && (1...96).contains(name.count) && !edges.contains("-") && !edges.contains(".")
  }

  /// Without the owner.
  package var name: String { id.split(separator: "/").last.map(String.init) ?? id }

  /// Where people see it.
  func page(_ endpoint: URL) -> String { endpoint.shown + "/" + prefix + id }

  private var prefix: String { kind == .dataset ? "datasets/" : "" }

  func revisionAddress(_ endpoint: URL) throws -> URL {
    try Self.address(endpoint, "api/\(kind.rawValue)s/\(id)/revision/\(escaped(revision))")
  }
  func treeAddress(_ endpoint: URL, commit: String) throws -> URL {
    try Self.address(
      endpoint, "api/\(kind.rawValue)s/\(id)/tree/\(commit)?recursive=true&expand=false")
  }
  func fileAddress(_ endpoint: URL, commit: String, path: String) throws -> URL {
    let path = path.split(separator: "/").map { escaped(String($0)) }.joined(separator: "/")
    return try Self.address(endpoint, "\(prefix)\(id)/resolve/\(commit)/\(path)")
  }

  private static func address(_ endpoint: URL, _ path: String) throws -> URL {
    guard let url = URL(string: endpoint.absoluteString + "/" + path) else {
      throw TuneError.nonsense("a name that no address can hold", endpoint)
    }
    return url
  }
}

/// One part of a path, with all but the unreserved characters of RFC 3986 escaped.
func escaped(_ part: String) -> String {
  var text = ""
  for byte in part.utf8 {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
      UInt8(ascii: "."), UInt8(ascii: "~"):
      text.unicodeScalars.append(Unicode.Scalar(byte))
    default:
      text += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
    }
  }
  return text
}
