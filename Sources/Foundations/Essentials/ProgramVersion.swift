// The program's version: what `tune --version` prints, and what processes that work together compare.
package enum ProgramVersion {
  package static let current = "0.1.0"
}
