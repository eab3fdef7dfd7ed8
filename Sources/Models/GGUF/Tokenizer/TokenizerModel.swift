// The `model` of a tokenizer.json. Its vocabulary is written as it comes: in a `JSONObject`, tokens that
// are canonically equivalent would be one.
import Essentials

struct TokenizerModel: Sendable {
  var settings: JSONObject
  var vocabulary: [(text: String, id: Int)]
  var merges: [(String, String)]

  /// Two levels deep in the file.
  var text: String {
    var text = JSON.object(settings).text()
    text.removeLast()
    text += ",\n    \"vocab\": {"
    for (position, entry) in vocabulary.enumerated() {
      text += (position > 0 ? ",\n      " : "\n      ") + JSON.string(entry.text).text()
      text += ": \(entry.id)"
    }
    text += "\n    },\n    \"merges\": ["
    for (position, merge) in merges.enumerated() {
      text += (position > 0 ? ",\n      [" : "\n      [") + JSON.string(merge.0).text()
      text += ", " + JSON.string(merge.1).text() + "]"
    }
    return text + "\n    ]\n  }"
  }
}
