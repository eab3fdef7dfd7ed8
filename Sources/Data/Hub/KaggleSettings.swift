// Where Kaggle is and who asks: KAGGLE_API_ENDPOINT, KAGGLE_USERNAME and KAGGLE_KEY, or the token of
// KAGGLE_API_TOKEN, or the files in ~/.kaggle that Kaggle's own programs write.
import Essentials
import Foundation

package struct KaggleSettings: Sendable {
  package var endpoint: URL
  package var username: String?
  package var key: String?
  var token: String?
  /// kagglehub's own cache, where a download goes without --output-dir.
  package var cacheFolder: String

  init(_ variables: Variables) throws {
    endpoint = try variables.address("KAGGLE_API_ENDPOINT", else: "https://www.kaggle.com")
    cacheFolder = variables.path("KAGGLEHUB_CACHE") ?? variables.home + "/.cache/kagglehub"
    let folder = variables.path("KAGGLE_CONFIG_DIR") ?? variables.home + "/.kaggle"
    token =
      variables.secret("KAGGLE_API_TOKEN") ?? Variables.secret(inFile: folder + "/access_token")
    username = variables.secret("KAGGLE_USERNAME")
    key = variables.secret("KAGGLE_KEY")
    let file = folder + "/kaggle.json"
    if username == nil || key == nil, FileManager.default.fileExists(atPath: file) {
      let saved = try JSON.load(path: file)
      guard let username = saved["username"]?.string, let key = saved["key"]?.string else {
        throw TuneError(
          .malformedFile, "missing username or key",
          remedy: "Get a new one at https://www.kaggle.com/settings.", at: .init(file: file))
      }
      self.username = self.username ?? username
      self.key = self.key ?? key
    }
  }

  /// The value of the Authorization header; what was given by name wins over a token.
  var authorization: String? {
    if let username, let key {
      return "Basic " + Data("\(username):\(key)".utf8).base64EncodedString()
    }
    return token.map { "Bearer \($0)" }
  }
}
