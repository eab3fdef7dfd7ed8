// A template as others use it: parsed once, rendered by many threads, each failure with its file and line.
import Essentials
import Foundation

extension Jinja {
  package struct Template: Sendable {
    package let file: String
    private let body: [Statement]
    /// Whether the template has `{% generation %}` in places where it can be followed: not in a macro or a
    /// block that is collected first.
    package let hasGenerationBlocks: Bool

    /// - Parameter file: its file, for messages.
    /// - Throws: `TuneError` `.malformedFile` with file and line for a syntax error or an unknown filter
    ///   or test, `.unsupported` for a tag that needs other templates.
    package init(_ source: String, file: String) throws {
      self.file = file
      do {
        (body, hasGenerationBlocks) = try Parser.parse(source)
      } catch let failure as Failure {
        throw failure.error(file: file, line: 1)
      }
    }

    /// Renders the template with these variables and no others.
    /// - Parameters:
    ///   - now: the time for `strftime_now`.
    ///   - steps: the bound on work.
    /// - Returns: The text, and the UTF-8 byte ranges of it inside `{% generation %}` blocks, in order.
    /// - Throws: `TuneError` with file and line: `.data` where the template refuses the variables
    ///   (`raise_exception`), `.malformedFile` where it fails or exceeds a bound, `.unsupported` where
    ///   it needs a function that is not supported.
    package func render(
      _ variables: JSONObject, now: Date, steps: Int = Limits.steps
    ) throws -> (text: String, generated: [Swift.Range<Int>]) {
      let scope = Scope(parent: nil)
      let interpreter = Interpreter(scope, now: now, steps: steps)
      defer { interpreter.clear() }
      do {
        for (name, value) in variables { scope.values[name] = try Value(value) }
        _ = try interpreter.execute(body, Scope(parent: nil))
        return (interpreter.output, interpreter.generated)
      } catch let failure as Failure {
        throw failure.error(file: file, line: interpreter.line)
      }
    }
  }
}

extension Jinja.Failure {
  fileprivate func error(file: String, line: Int) -> TuneError {
    TuneError(code, message, remedy: remedy, at: .init(file: file, line: self.line ?? line))
  }
}
