// The text that the task wikitext measures on, under either of its keys.
import Configuration

extension Section {
  /// `text_files`, and `text_file` where that is given.
  package func textFiles() -> [String] {
    self[Keys.textFiles] + (self[Keys.textFile].map { [$0] } ?? [])
  }
}
