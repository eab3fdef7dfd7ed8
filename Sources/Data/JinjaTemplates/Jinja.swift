// Jinja, the language of chat templates, as far as Hugging Face transformers lets templates use it:
// Jinja2's ImmutableSandboxedEnvironment with trim_blocks, lstrip_blocks, `break`, `continue` and
// `{% generation %}`. A template comes with a downloaded model, so it is hostile input: nothing that
// it does may take unbounded time, memory or stack. The bounds are here.
import Essentials

/// Names everything of the template language.
package enum Jinja {
  /// Bounds on what a template may do. Real templates stay below a hundredth of each.
  package enum Limits {
    /// Bytes of a template's source.
    package static let source = 1 << 20
    /// How deeply expressions and blocks may be nested in the source.
    static let nesting = 64
    /// How deep a syntax tree may be: a long chain of operators is a deep tree.
    static let treeDepth = 200
    /// Nested evaluations, macros that call macros included.
    static let evaluationDepth = 400
    /// Work of one rendering: one step for each node of the tree that is evaluated, and one for each
    /// `bytesPerStep` bytes of text and each element of a list that is made or read.
    package static let steps = 20_000_000
    static let bytesPerStep = 16
    /// Bytes of the rendered text, and of any text made on the way.
    static let text = 32 << 20
    /// Elements of one list.
    static let elements = 1_000_000
    /// Elements of a range, as in Jinja's sandbox.
    static let range = 100_000
    /// How deeply lists, dictionaries and unevaluated filters may hold each other.
    static let valueDepth = 250
    /// Namespaces, macros and loops of one rendering.
    static let objects = 500_000
  }

  /// What a template gets from Python as an exception. It becomes a `TuneError` with file and line.
  struct Failure: Error {
    var message: String
    var code = TuneError.Code.malformedFile
    var remedy: String?
    /// nil where it is the line that is being evaluated.
    var line: Int?
  }
}
