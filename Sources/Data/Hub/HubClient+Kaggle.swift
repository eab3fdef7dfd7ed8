// Models from Kaggle: one packed archive a version. It is fetched in parts like any file, checked
// against the MD5 that Kaggle's storage tells, unpacked beside the final place and only then moved
// there, file by file.
import Archives
import Essentials
import Foundation

extension HubClient {
  /// - Parameter folder: nil for the place where kagglehub keeps models.
  /// - Throws: `TuneError`.
  package func download(
    _ handle: KaggleHandle, _ selection: FileSelection = FileSelection(), into folder: String?,
    display: ProgressBar.Display? = nil
  ) async throws -> String {
    let version = try await version(of: handle)
    let cached = "\(settings.kaggle.cacheFolder)/models/\(handle.path)/\(version)"
    let marker = cached + ".complete"
    if folder == nil, FileManager.default.fileExists(atPath: marker) { return cached }
    let target = folder ?? cached
    let workspace = try await Workspace(filling: target) {
      StandardStreams.error("note: another program downloads to \(target); waiting for it\n")
    }
    let display = display ?? .standardError
    let url = try handle.address(settings.kaggle.endpoint, "\(version)/download")
    try await workspace.working {
      let archive = try await archive(url, handle)
      let path = try workspace.part(of: "\(url) \(archive.validator)", archive.content)
      try await fetch(archive, to: path, workspace, handle, display)
      do {
        try unpack(path, selection, workspace, display)
      } catch var error as TuneError where error.code == .malformedFile {
        // It would be gone on with, and refused, for ever.
        unlink(path)
        error.location.file = url.shown
        throw error
      }
    }
    if folder == nil, selection.isEverything { try AtomicFile.write(Data(), to: marker) }
    return workspace.folder
  }

  private var kaggleCredential: WebSession.Credential? {
    guard let header = settings.kaggle.authorization, let origin = Origin(settings.kaggle.endpoint)
    else { return nil }
    return .init(header: header, origins: [origin])
  }

  private func version(of handle: KaggleHandle) async throws -> Int {
    if let version = handle.version { return version }
    let url = try handle.address(settings.kaggle.endpoint, "get")
    let (answer, _) = try await ask(url, kaggleCredential) { await refusal($0, handle) }
    guard let version = answer["versionNumber"]?.integer, version > 0 else {
      throw TuneError.nonsense("no version number", url)
    }
    return version
  }

  private struct Archive {
    var url: URL
    var size: Int
    var content: RemoteFile.Content?
    /// Tells this content of the address from others.
    var validator: String
  }

  /// What the archive's first byte tells: its size, its checksum and what it is called.
  private func archive(_ url: URL, _ handle: KaggleHandle) async throws -> Archive {
    try await settings.retry.run {
      let response = try await session.get(
        url, headers: ["range": "bytes=0-0"], credential: kaggleCredential)
      if let failure = response.transientFailure(clean(url.host() ?? "")) { throw failure }
      guard response.status == 200 || response.status == 206 else {
        throw await refusal(response, handle)
      }
      let whole = response.header("content-length").flatMap { Int($0) }
      let size = response.status == 206 ? response.contentRange?.total : whole
      guard let size, size > 0, size < 1 << 50 else {
        throw TuneError.nonsense("an archive of unknown size", response.url)
      }
      if response.status == 206 { await response.drain() }
      let hashes = response.headers["x-goog-hash"].flatMap { $0.split(separator: ",") }
      let hash = hashes.map { $0.trimmingCharacters(in: .whitespaces) }
        .first { $0.hasPrefix("md5=") }.flatMap { Data(base64Encoded: String($0.dropFirst(4))) }
      let validator = response.header("etag") ?? response.header("last-modified") ?? ""
      return Archive(
        url: url, size: size,
        content: hash.flatMap { $0.count == 16 ? .md5($0.hexadecimal) : nil },
        validator: "\(size) \(validator)")
    }
  }

  private func fetch(
    _ archive: Archive, to path: String, _ workspace: Workspace, _ handle: KaggleHandle,
    _ display: ProgressBar.Display
  ) async throws {
    try settings.disk.check(room: archive.size, in: workspace.folder)
    let progress = TransferProgress("Downloading", bytes: archive.size, files: 1, display: display)
    defer { progress.finish() }
    let part = try PartialFile(
      path, size: archive.size, content: archive.content, disk: settings.disk,
      onBytes: progress.advance)
    let download = FileDownload(
      session: session, credential: kaggleCredential, retry: settings.retry, url: archive.url,
      name: "the archive", size: archive.size,
      refusal: { [self] in await refusal($0, handle) }, progress: progress)
    try await download.fill(part)
  }

  private func unpack(
    _ path: String, _ selection: FileSelection, _ workspace: Workspace,
    _ display: ProgressBar.Display
  ) throws {
    let progress = TransferProgress("Unpacking", bytes: nil, files: 1, display: display)
    defer { progress.finish() }
    let file = try UnpackedFile(path: path, formats: [.gzip])
    let tar = TarArchive(path: path) { try file.read(into: $0) }
    let staging = try workspace.emptyFolder("unpacked")
    var unpacked: [(temporary: String, path: String)] = []
    var seen: Set<String> = []
    while let entry = try tar.next() {
      try Task.checkCancellation()
      guard seen.insert(entry.path).inserted, seen.count <= 100_000 else {
        throw TarArchive.refusal(path, "it holds '\(clean(entry.path))' twice, or too many files")
      }
      guard selection.contains(entry.path) else { continue }
      try settings.disk.check(room: entry.size, in: workspace.folder)
      let temporary = "\(staging)/\(unpacked.count)"
      let part = try PartialFile(temporary, size: entry.size, content: nil, disk: settings.disk)
      try tar.read(entry) {
        try part.append($0)
        progress.advance(by: $0.count)
      }
      try part.sync()
      unpacked.append((temporary, entry.path))
    }
    for (temporary, path) in unpacked {
      try AtomicFile.put(temporary, at: workspace.place(of: path))
    }
  }

  private func refusal(_ response: WebSession.Response, _ handle: KaggleHandle) async -> TuneError {
    await response.drain()
    let page = "https://www.kaggle.com/models/\(handle.owner)/\(handle.model)"
    switch response.status {
    case 401, 403:
      return TuneError(
        .network, "access to '\(handle.path)' on Kaggle denied",
        remedy: settings.kaggle.authorization == nil
          ? "Accept its terms on \(page), then give your name and key: --kaggle-username and "
            + "--kaggle-api-key, KAGGLE_USERNAME and KAGGLE_KEY, or ~/.kaggle/kaggle.json."
          : "Accept its terms on \(page), and check your name and key.",
        at: .init(file: response.url.shown))
    case 404:
      return TuneError(
        .network, "model '\(handle.path)' not found on Kaggle",
        remedy: "\(page) shows its variations and versions.", at: .init(file: response.url.shown))
    default:
      return TuneError(
        .network, "Kaggle answered with status \(response.status)", remedy: "Try later.",
        at: .init(file: response.url.shown))
    }
  }
}
