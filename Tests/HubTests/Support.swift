// What the tests of the hub client share: settings that point to a test hub and pause for no time,
// folders of their own, and a folder's content as a value.
import Essentials
import Foundation
import Synchronization
import TestHub
import Testing

@testable import Hub

/// A folder that is removed afterwards.
func inFolder<R>(_ body: (String) async throws -> R) async throws -> R {
  let folder = NSTemporaryDirectory() + "hub-tests-\(UUID().uuidString)"
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: folder) }
  return try await body(URL(filePath: folder).resolvingSymlinksInPath().path)
}

/// The pauses that a client made, which take no time.
final class Pauses: Sendable {
  private let all = Mutex<[Duration]>([])
  var durations: [Duration] { all.withLock { $0 } }
  func note(_ pause: Duration) { all.withLock { $0.append(pause) } }
}

extension HubSettings {
  static func test(
    _ hub: TestHub, home: String, token: String? = nil, pauses: Pauses = Pauses(),
    _ environment: [String: String] = [:]
  ) throws -> HubSettings {
    var variables = [
      "HOME": home, "HF_ENDPOINT": hub.endpoint, "KAGGLE_API_ENDPOINT": hub.endpoint,
    ]
    variables["HF_TOKEN"] = token
    var settings = try HubSettings(environment: variables.merging(environment) { $1 })
    settings.retry.sleep = { pauses.note($0) }
    settings.retry.jitter = { 1 }
    return settings
  }
}

extension ProgressBar.Display {
  static var quiet: ProgressBar.Display {
    .init(isTerminal: false, width: { 80 }, write: { _ in }, clock: { 0 })
  }
}

/// All files below a folder by their paths; hidden ones too.
func contents(_ folder: String) -> [String: [UInt8]] {
  var files: [String: [UInt8]] = [:]
  for path in FileManager.default.enumerator(atPath: folder)?.compactMap({ $0 as? String }) ?? [] {
    var isFolder: ObjCBool = false
    let full = folder + "/" + path
    guard FileManager.default.fileExists(atPath: full, isDirectory: &isFolder), !isFolder.boolValue
    else { continue }
    files[path] = FileManager.default.contents(atPath: full).map(Array.init) ?? []
  }
  return files
}

/// The part of a folder that is not hidden.
func visible(_ folder: String) -> [String: [UInt8]] {
  contents(folder).filter { !$0.key.hasPrefix(".") }
}

extension HubRepository {
  var bytes: [String: [UInt8]] { files.mapValues(\.bytes) }

  static let sample = HubRepository(
    "owner/model",
    [
      "config.json": HubFile("{\"model_type\": \"llama\"}\n"), "README.md": HubFile("# A model\n"),
      "empty.txt": HubFile(""), "original/params.json": HubFile("{}"),
      "a b/täxt#1?.txt": HubFile("a name that needs escaping"),
      "model-00001-of-00002.safetensors": .large(300_000, seed: 1),
      "model-00002-of-00002.safetensors": .large(70_001, seed: 2),
      "original/consolidated.00.pth": .large(123_456, seed: 3),
    ])
}

/// Downloads a repository's files to `folder/out`.
@discardableResult
func download(
  _ repository: String = "owner/model", from hub: TestHub, to folder: String,
  token: String? = nil, pauses: Pauses = Pauses(), _ selection: FileSelection = FileSelection(),
  revision: String = "main", changing: (inout HubSettings) -> Void = { _ in }
) async throws -> HubClient.Downloaded {
  var settings = try HubSettings.test(hub, home: folder, token: token, pauses: pauses)
  changing(&settings)
  return try await HubClient.use(settings) {
    try await $0.download(
      Repository(repository, revision: revision), selection, into: folder + "/out", display: .quiet)
  }
}

/// The error that a download ends with.
func failure(of body: () async throws -> Void) async throws -> TuneError {
  do {
    try await body()
  } catch let error as TuneError {
    return error
  }
  throw TuneError(.data, "nothing failed")
}
