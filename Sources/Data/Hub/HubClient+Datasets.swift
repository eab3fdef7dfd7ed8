// Datasets by their id on the Hub: in the cache that huggingface_hub keeps and reads too
// (HF_HUB_CACHE, else HF_HOME/hub, else ~/.cache/huggingface/hub), as
// datasets--owner--name/snapshots/<commit>/<file>. What a commit holds is noted in
// trees/<commit>.json, so that a copy that is whole is known to be, also without the network.
import Essentials
import Foundation

extension HubClient {
  /// What reading a dataset may need: its data files, and the card that says which are which.
  package static let dataFiles = ["json", "jsonl", "ndjson", "csv", "tsv", "parquet", "txt", "md"]
    .flatMap { ["*.\($0)", "*.\($0).gz", "*.\($0).zst"] }

  /// The folder with a dataset's files, fetched where they are not there yet.
  /// - Parameters:
  ///   - id: as on the Hub, `owner/name`.
  ///   - selection: the files wanted; all of `dataFiles` unless said otherwise.
  /// - Returns: the folder of the snapshot. It may hold other files of an earlier call.
  /// - Throws: `TuneError`.
  package func folder(
    forDataset id: String, revision: String = "main",
    _ selection: FileSelection = FileSelection(allowing: HubClient.dataFiles),
    display: ProgressBar.Display? = nil
  ) async throws -> String {
    let repository = try Repository(id, kind: .dataset, revision: revision)
    let cache = DatasetCache(repository, settings.cacheFolder)
    do {
      if settings.isOffline { throw TuneError.isOffline() }
      let commit = try await commit(of: repository)
      var all = cache.listing(of: commit) ?? []
      if all.isEmpty { all = try await files(of: repository, commit: commit) }
      let wanted = all.filter { selection.contains($0.path) }
      guard !wanted.isEmpty else {
        throw TuneError(
          .data, "the dataset '\(id)' has no files to read",
          remedy: "\(repository.page(settings.endpoint)) shows what it has. Some datasets have "
            + "their data under the revision refs/convert/parquet.")
      }
      if !cache.holds(wanted, of: commit) {
        _ = try await fill(
          cache.snapshot(commit), repository, commit: commit, wanted, trust: .size,
          display ?? .standardError)
      }
      try cache.note(all, of: commit)
      return cache.snapshot(commit)
    } catch let error as TuneError where error.code == .network {
      guard let commit = cache.commit, let all = cache.listing(of: commit) else { throw error }
      let wanted = all.filter { selection.contains($0.path) }
      guard !wanted.isEmpty, cache.holds(wanted, of: commit) else { throw error }
      if !settings.isOffline {
        StandardStreams.error(
          "note: \(error.message); '\(id)' is read from the copy of an earlier download\n")
      }
      return cache.snapshot(commit)
    }
  }

  /// `folder(forDataset:)` for code that is not asynchronous; blocks the calling thread.
  package static func folder(
    forDataset id: String, revision: String = "main",
    _ selection: FileSelection = FileSelection(allowing: HubClient.dataFiles),
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws -> String {
    var settings = try HubSettings(environment: environment)
    settings.takesOptions = false
    return try blocking { [settings] in
      try await use(settings) {
        try await $0.folder(forDataset: id, revision: revision, selection)
      }
    }
  }
}

/// The folder of one dataset in the cache.
struct DatasetCache {
  private let folder: String
  private let revision: String

  init(_ repository: Repository, _ cache: String) {
    folder = cache + "/datasets--" + repository.id.replacing("/", with: "--")
    revision = repository.revision
  }

  func snapshot(_ commit: String) -> String { "\(folder)/snapshots/\(commit)" }
  private func tree(_ commit: String) -> String { "\(folder)/trees/\(commit).json" }

  /// What the revision was when it was last asked for.
  var commit: String? {
    if isCommit(revision) { return revision }
    guard let data = FileManager.default.contents(atPath: "\(folder)/refs/\(revision)") else {
      return nil
    }
    let text = String(decoding: data.prefix(100), as: UTF8.self)
    let commit = text.trimmingCharacters(in: .whitespacesAndNewlines)
    return isCommit(commit) ? commit : nil
  }
  private func isCommit(_ text: String) -> Bool {
    text.utf8.count == 40 && text.allSatisfy(\.isHexDigit)
  }

  /// The noted files of a commit, nil where there is no note that can be read: it is fetched again.
  func listing(of commit: String) -> [RemoteFile]? {
    guard FileManager.default.fileExists(atPath: tree(commit)),
      let note = try? JSON.load(path: tree(commit)), note["format_version"]?.integer == 1,
      let entries = note["files"]?.object
    else { return nil }
    var files: [RemoteFile] = []
    for (path, entry) in entries {
      let hash = entry["lfs_sha256"]?.string
      guard RemoteFile.isSafe(path), let size = entry[hash == nil ? "size" : "lfs_size"]?.integer,
        let content = hash.map(RemoteFile.Content.sha256)
          ?? entry["blob_id"]?.string.map(RemoteFile.Content.gitBlob)
      else { return nil }
      files.append(RemoteFile(path: path, size: size, content: content))
    }
    return files
  }

  func note(_ files: [RemoteFile], of commit: String) throws {
    if revision != commit, self.commit != commit {
      try write(Data(commit.utf8), to: "\(folder)/refs/\(revision)")
    }
    guard listing(of: commit) == nil else { return }
    var entries = JSONObject()
    for file in files {
      switch file.content {
      case .sha256(let hash):
        entries[file.path] = [
          "size": .integer(file.size), "blob_id": "", "lfs_sha256": .string(hash),
          "lfs_size": .integer(file.size),
        ]
      case .gitBlob(let hash), .md5(let hash):
        entries[file.path] = ["size": .integer(file.size), "blob_id": .string(hash)]
      }
    }
    let note: JSON = ["format_version": 1, "files": .object(entries)]
    try write(Data(note.text().utf8), to: tree(commit))
  }

  private func write(_ data: Data, to path: String) throws {
    try DiskAccess.makeFolder(path.parentFolder)
    try AtomicFile.write(data, to: path)
  }

  /// Whether all files are there, whole: nothing else is ever put under its name.
  func holds(_ files: [RemoteFile], of commit: String) -> Bool {
    files.allSatisfy { file in
      var info = stat()
      return stat("\(snapshot(commit))/\(file.path)", &info) == 0
        && info.st_mode & S_IFMT == S_IFREG && Int(info.st_size) == file.size
    }
  }
}
