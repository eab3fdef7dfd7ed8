// A chat template: Jinja source that came with a model, parsed once, rendered for conversations.
import Essentials
import Foundation
import JinjaTemplates

/// A chat template as Hugging Face transformers renders it.
///
/// It may be used by many threads at once.
public struct ChatTemplate: Sendable {
  /// The source as it was given.
  public let source: String
  var file: String { template.file }
  private let template: Jinja.Template
  /// Whether the template marks with `{% generation %}` what the assistant says, in a place where the
  /// marks can be followed: not in a macro or a block that is collected first.
  public var hasGenerationBlocks: Bool { template.hasGenerationBlocks }

  /// A conversation as text.
  public struct Rendering: Sendable {
    /// The text, with the text of special tokens in it.
    public var text: String
    /// The UTF-8 byte ranges of `text` inside `{% generation %}` blocks, in order.
    public var generated: [Range<Int>]
  }

  /// Parses a template.
  /// - Parameter file: its file, for messages.
  /// - Throws: `TuneError` `.malformedFile` with file and line for a syntax error or an unknown filter
  ///   or test, `.unsupported` for a tag that needs other templates.
  public init(_ source: String, file: String) throws {
    self.source = source
    template = try Jinja.Template(source, file: file)
  }

  /// Renders the template with these variables and no others.
  /// - Parameter now: the time for `strftime_now`; nil is the present.
  /// - Throws: `TuneError` with file and line: `.data` where the template refuses the conversation
  ///   (`raise_exception`), `.malformedFile` where it fails or exceeds a bound, `.unsupported` where
  ///   it needs a function that is not supported.
  package func render(_ variables: JSONObject, now: Date? = nil) throws -> Rendering {
    try render(variables, now: now, steps: Jinja.Limits.steps)
  }
  func render(_ variables: JSONObject, now: Date?, steps: Int) throws -> Rendering {
    let (text, generated) = try template.render(variables, now: now ?? Date(), steps: steps)
    return Rendering(text: text, generated: generated)
  }
}
