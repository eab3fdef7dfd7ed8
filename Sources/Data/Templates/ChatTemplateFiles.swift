// The chat templates that a model folder has as files of their own.
import Essentials
import Foundation
import JinjaTemplates

extension ChatTemplate {
  /// `chat_template.jinja` as `default`, and each `additional_chat_templates/NAME.jinja` by its name.
  /// - Throws: `TuneError` `.malformedFile` for a file that is too large or not UTF-8.
  package static func sources(inFolder folder: String) throws -> [String: String] {
    var sources: [String: String] = [:]
    let main = (folder as NSString).appendingPathComponent("chat_template.jinja")
    if try FolderEntry.exists(main) { sources["default"] = try source(main) }
    let others = (folder as NSString).appendingPathComponent("additional_chat_templates")
    let names = (try? FileManager.default.contentsOfDirectory(atPath: others)) ?? []
    for name in names.sorted() where name.hasSuffix(".jinja") {
      let path = (others as NSString).appendingPathComponent(name)
      sources[String(name.dropLast(".jinja".count))] = try source(path)
    }
    return sources
  }

  /// The `chat_template` of a processor's chat_template.json: one, or one for each name.
  /// - Throws: `TuneError` `.malformedFile` for a file of another kind.
  package static func processorSources(inFolder folder: String) throws -> [String: String] {
    let path = (folder as NSString).appendingPathComponent("chat_template.json")
    guard try FolderEntry.exists(path) else { return [:] }
    switch try JSON.load(path: path)["chat_template"] {
    case .string(let text)?: return ["default": text]
    case .object(let named)?:
      var sources: [String: String] = [:]
      for (name, text) in named { sources[name] = text.string }
      return sources
    default:
      throw TuneError(
        .malformedFile, "expected a template, or an object of templates",
        at: .init(file: path, key: "chat_template"))
    }
  }

  private static func source(_ path: String) throws -> String {
    let file = try MappedFile(path: path)
    return try withExtendedLifetime(file) {
      let bytes = UnsafeRawBufferPointer(file.bytes)
      guard bytes.count <= Jinja.Limits.source, let text = String(validating: bytes, as: UTF8.self)
      else {
        throw TuneError(
          .malformedFile,
          "a chat template must be UTF-8 text of at most \(Jinja.Limits.source) bytes",
          at: .init(file: path))
      }
      return text
    }
  }
}
