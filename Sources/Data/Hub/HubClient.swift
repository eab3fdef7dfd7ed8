// The Hugging Face Hub: which commit a revision is, which files it has, and all of them on disk.
// A client is made for a while and shut down at its end; `use` does both.
import Essentials
import Foundation

package final class HubClient: Sendable {
  let settings: HubSettings
  let session: WebSession

  private init(_ settings: HubSettings) {
    self.settings = settings
    session = WebSession(settings)
  }

  /// - Throws: what `body` throws.
  package static func use<R: Sendable>(
    _ settings: HubSettings, _ body: (HubClient) async throws -> R
  ) async throws -> R {
    try await body(HubClient(settings))
  }

  var credential: WebSession.Credential? {
    settings.token.map {
      // The Hub itself may see its own token where a mirror redirects to it.
      let hubs = [settings.endpoint.absoluteString, "https://huggingface.co", "https://hf.co"]
      return .init(header: "Bearer \($0)", origins: Set(hubs.compactMap { hubOrigin($0) }))
    }
  }
  private func hubOrigin(_ text: String) -> Origin? { URL(string: text).flatMap(Origin.init) }

  /// The commit, 40 hexadecimal digits, that the revision stands for now.
  func commit(of repository: Repository) async throws -> String {
    let revision = repository.revision
    if revision.utf8.count == 40, revision.allSatisfy(\.isHexDigit) { return revision.lowercased() }
    let url = try repository.revisionAddress(settings.endpoint)
    let (answer, _) = try await ask(url, repository)
    guard let commit = answer["sha"]?.string?.lowercased(), commit.utf8.count == 40,
      commit.allSatisfy(\.isHexDigit)
    else { throw TuneError.nonsense("no commit for '\(revision)'", url) }
    return commit
  }

  /// All files of a commit.
  func files(of repository: Repository, commit: String) async throws -> [RemoteFile] {
    let first = try repository.treeAddress(settings.endpoint, commit: commit)
    var files: [RemoteFile] = []
    var page: URL? = first
    var seen: Set<URL> = []
    while let url = page {
      guard seen.insert(url).inserted, seen.count <= 10_000 else {
        throw TuneError.nonsense("a list of files that does not end", url)
      }
      let (answer, next) = try await ask(url, repository)
      guard let entries = answer.array else {
        throw TuneError.nonsense("a list of files that is \(answer.kind)", url)
      }
      for entry in entries { if let file = try RemoteFile(entry, url) { files.append(file) } }
      page = try next.map { try nextPage($0, after: url) }
    }
    try RemoteFile.checkDistinct(files, first)
    return files
  }

  /// A mirror may pass the Hub's own links on: their path is taken, their host is not.
  private func nextPage(_ link: String, after url: URL) throws -> URL {
    guard let target = URL(string: link, relativeTo: url)?.absoluteURL, let origin = Origin(target),
      let here = Origin(url)
    else { throw TuneError.nonsense("a next page at '\(clean(link))'", url) }
    if origin == here { return target }
    guard origin == hubOrigin("https://huggingface.co"),
      var parts = URLComponents(url: target, resolvingAgainstBaseURL: true)
    else { throw TuneError.nonsense("a next page on another host", url) }
    parts.scheme = settings.endpoint.scheme
    parts.host = settings.endpoint.host()
    parts.port = settings.endpoint.port
    guard let moved = parts.url else {
      throw TuneError.nonsense("a next page on another host", url)
    }
    return moved
  }

  private func ask(_ url: URL, _ repository: Repository) async throws -> (JSON, next: String?) {
    try await ask(url, credential) { await refusal($0, repository) }
  }

  /// A question that is answered in JSON.
  func ask(
    _ url: URL, _ credential: WebSession.Credential?,
    refusal: (WebSession.Response) async -> TuneError
  ) async throws -> (JSON, next: String?) {
    try await settings.retry.run {
      let response = try await session.get(url, credential: credential)
      if let failure = response.transientFailure(clean(url.host() ?? "")) { throw failure }
      guard response.status == 200 else { throw await refusal(response) }
      let data = try await response.data(limit: 64 << 20)
      do {
        return (try JSON.parse(data), response.nextPage)
      } catch let error as TuneError {
        throw TuneError(
          .network, "the hub's answer is not JSON",
          remedy: "Check that HF_ENDPOINT, or the proxy, leads to a hub.",
          at: .init(file: url.shown), cause: Reason(error.message))
      }
    }
  }

  func fileDownload(
    _ file: RemoteFile, _ repository: Repository, commit: String, _ progress: TransferProgress
  ) throws -> FileDownload {
    let settings = settings
    return FileDownload(
      session: session, credential: credential, retry: settings.retry,
      url: try repository.fileAddress(settings.endpoint, commit: commit, path: file.path),
      name: file.path, size: file.size,
      refusal: { [self] in await refusal($0, repository) }, progress: progress)
  }
}
