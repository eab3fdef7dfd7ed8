// What the Hub means when it says no. It answers 401 for a repository that is not there, for one
// that is private and for one with conditions: its own headers tell them apart.
import Essentials
import Foundation

extension HubClient {
  func refusal(_ response: WebSession.Response, _ repository: Repository) async -> TuneError {
    await response.drain()
    let code = response.header("x-error-code") ?? ""
    let said = response.header("x-error-message").map { clean($0) }
    let cause = said.flatMap { $0.isEmpty ? nil : Reason($0) }
    func error(_ message: String, _ remedy: String) -> TuneError {
      TuneError(
        .network, message, remedy: remedy, at: .init(file: response.url.shown), cause: cause)
    }
    let page = repository.page(settings.endpoint)
    let kind = repository.kind.rawValue
    switch (code, response.status) {
    case ("GatedRepo", _):
      return error(
        "the \(kind) '\(repository.id)' is gated: accept its terms first",
        settings.token == nil
          ? "Accept them on \(page), then set your token with \(settings.tokenPlaces). Tokens: "
            + "https://huggingface.co/settings/tokens"
          : "Accept them on \(page) with the account of your token, and check that the token may "
            + "read gated repositories.")
    case ("RevisionNotFound", _):
      return error(
        "the \(kind) '\(repository.id)' has no revision '\(repository.revision)'",
        "\(page)/tree/main shows its branches and tags.")
    case ("EntryNotFound", _):
      return error(
        "the hub lists a file that does not exist",
        "The repository has just changed, or is broken: try again.")
    case (_, 401) where said == "Invalid credentials in Authorization header":
      return error(
        "the hub rejected the token",
        "It may have expired: make a new one at https://huggingface.co/settings/tokens. It comes "
          + "from \(settings.tokenPlaces), HUGGING_FACE_HUB_TOKEN or the file `hf auth login` wrote."
      )
    case ("RepoNotFound", _), (_, 401), (_, 404):
      return error(
        "\(kind) '\(repository.id)' not found on the Hugging Face Hub; it may be private",
        missingRemedy(repository))
    case (_, 403):
      return error(
        "access to '\(repository.id)' denied",
        settings.token == nil
          ? "Set a token with \(settings.tokenPlaces)." : "Check the permissions of your token.")
    default:
      return error(
        "the hub answered with status \(response.status)",
        "Check the name of the repository and HF_ENDPOINT.")
    }
  }

  private func missingRemedy(_ repository: Repository) -> String {
    let other = repository.kind == .model ? "dataset" : "model"
    let access =
      settings.token == nil
      ? "If it is private, set a token with \(settings.tokenPlaces)."
      : "Check that your token may read it."
    let spelling =
      settings.takesOptions
      ? "Check the spelling; a \(other) needs --repo-type \(other)." : "Check the spelling."
    return "\(spelling) \(access)"
  }
}

extension HubSettings {
  fileprivate var tokenPlaces: String { takesOptions ? "--hf-token or HF_TOKEN" : "HF_TOKEN" }
}
