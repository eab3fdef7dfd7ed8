// A chat template: Jinja source that came with a model, parsed once, rendered for conversations.
import Essentials
import Foundation

/// A chat template as Hugging Face transformers renders it.
///
/// It may be used by many threads at once.
public struct ChatTemplate: Sendable {
  /// The source as it was given.
  public let source: String
  let file: String
  private let body: [Jinja.Statement]
  /// Whether the template marks with `{% generation %}` what the assistant says, in a place where the
  /// marks can be followed: not in a macro or a block that is collected first.
  public let hasGenerationBlocks: Bool

  /// A conversation as text.
  public struct Rendering: Sendable {
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
    self.file = file
    do {
      (body, hasGenerationBlocks) = try Jinja.Parser.parse(source)
    } catch let failure as Jinja.Failure {
      throw failure.error(file: file, line: 1)
    }
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
    let scope = Jinja.Scope(parent: nil)
    let interpreter = Jinja.Interpreter(scope, now: now ?? Date(), steps: steps)
    defer { interpreter.clear() }
    do {
      for (name, value) in variables { scope.values[name] = try Jinja.Value(value) }
      _ = try interpreter.execute(body, Jinja.Scope(parent: nil))
      return Rendering(text: interpreter.output, generated: interpreter.generated)
    } catch let failure as Jinja.Failure {
      throw failure.error(file: file, line: interpreter.line)
    }
  }
}

extension Jinja.Failure {
  func error(file: String, line: Int) -> TuneError {
    TuneError(code, message, remedy: remedy, at: .init(file: file, line: self.line ?? line))
  }
}
