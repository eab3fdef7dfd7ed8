// All wanted files of a repository in a folder. What is there already and right stays; the rest is
// fetched several files at a time, the largest first, so that none is waited for alone at the end.
import Essentials
import Foundation

extension HubClient {
  package struct Downloaded: Sendable {
    /// The folder, without symbolic links.
    package var folder: String
    package var commit: String
    package var files: [RemoteFile]
    /// How many of them had to be fetched.
    package var fetched: Int
  }

  /// How to know that a file that is there is the right one.
  enum Trust {
    /// By its checksum.
    case content
    /// By its size: nothing but whole, checked files is ever put there.
    case size
  }

  /// Fills `folder` with the wanted files of a repository.
  /// - Throws: `TuneError`; files that were whole by then stay, parts of others are kept hidden.
  package func download(
    _ repository: Repository, _ selection: FileSelection = FileSelection(), into folder: String,
    display: ProgressBar.Display? = nil
  ) async throws -> Downloaded {
    if settings.isOffline { throw TuneError.isOffline() }
    let commit = try await commit(of: repository)
    let files = try await files(of: repository, commit: commit)
      .filter { selection.contains($0.path) }
    let fetched = try await fill(
      folder, repository, commit: commit, files, trust: .content, display ?? .standardError)
    return Downloaded(
      folder: URL(filePath: folder).resolvingSymlinksInPath().path, commit: commit, files: files,
      fetched: fetched)
  }

  /// - Returns: how many files were fetched.
  func fill(
    _ folder: String, _ repository: Repository, commit: String, _ files: [RemoteFile],
    trust: Trust, _ display: ProgressBar.Display
  ) async throws -> Int {
    let workspace = try await Workspace(filling: folder) {
      StandardStreams.error("note: another program downloads to \(folder); waiting for it\n")
    }
    return try await workspace.working {
      let missing = try missing(files, in: workspace, trust, display)
        .sorted { ($1.size, $0.path) < ($0.size, $1.path) }
      let bytes = missing.reduce(0) { $0 + $1.size }
      let present = try missing.reduce(0) { $0 + min($1.size, try partSize($1, workspace)) }
      try settings.disk.check(room: bytes - present, in: workspace.folder)
      guard !missing.isEmpty else { return 0 }
      let progress = TransferProgress(
        "Downloading", bytes: bytes, files: missing.count, display: display)
      defer { progress.finish() }
      try await fetch(missing, repository, commit: commit, workspace, progress)
      return missing.count
    }
  }

  private func partSize(_ file: RemoteFile, _ workspace: Workspace) throws -> Int {
    var info = stat()
    let path = try workspace.part(of: file.path, file.content)
    return stat(path, &info) == 0 ? Int(info.st_size) : 0
  }

  private func missing(
    _ files: [RemoteFile], in workspace: Workspace, _ trust: Trust, _ display: ProgressBar.Display
  ) throws -> [RemoteFile] {
    let present = try files.filter { file in
      var info = stat()
      let target = try workspace.place(of: file.path)
      return stat(target, &info) == 0 && info.st_mode & S_IFMT == S_IFREG
        && Int(info.st_size) == file.size
    }
    guard trust == .content, !present.isEmpty else {
      let paths = Set(present.map(\.path))
      return files.filter { !paths.contains($0.path) }
    }
    let progress = TransferProgress(
      "Checking files", bytes: present.reduce(0) { $0 + $1.size }, files: present.count,
      display: display)
    defer { progress.finish() }
    var right: Set<String> = []
    for file in present {
      let target = workspace.folder + "/" + file.path
      let matches = try ContentDigest.matches(
        target, file.content, size: file.size, onBytes: progress.advance)
      if matches { right.insert(file.path) }
      progress.finishFile()
    }
    return files.filter { !right.contains($0.path) }
  }

  private func fetch(
    _ files: [RemoteFile], _ repository: Repository, commit: String, _ workspace: Workspace,
    _ progress: TransferProgress
  ) async throws {
    try await withThrowingTaskGroup { group in
      var waiting = files[...]
      var running = 0
      while running > 0 || !waiting.isEmpty {
        if running < settings.parallelDownloads, let file = waiting.popFirst() {
          let download = try fileDownload(file, repository, commit: commit, progress)
          let disk = settings.disk
          running += 1
          group.addTask {
            let part = try PartialFile(
              workspace.part(of: file.path, file.content), size: file.size, content: file.content,
              disk: disk, onBytes: progress.advance)
            try await download.fill(part)
            try part.finish(at: workspace.place(of: file.path))
            progress.finishFile()
          }
        } else {
          try await group.next()
          running -= 1
        }
      }
    }
  }
}
