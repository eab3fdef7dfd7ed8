// `tune download`: a model or dataset from the Hugging Face Hub, or a model from Kaggle, into a
// folder. Interrupted, it ends at once, and the same command goes on from there.
import ArgumentParser
import Essentials
import Foundation
import Hub

struct DownloadCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "download",
    abstract: "Download a model from the Hugging Face Hub or Kaggle.",
    discussion: """
      Downloads all files of a repository in parallel and checks each one.
      Keeps files that are already complete and resumes interrupted downloads.
      If a repository has the weights in two formats, --ignore-patterns skips
      one of them.

      Environment: HF_TOKEN or the token that `hf auth login` saved, HF_ENDPOINT
      for a mirror, HF_HOME, HF_HUB_OFFLINE; KAGGLE_USERNAME and KAGGLE_KEY or
      ~/.kaggle/kaggle.json; HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE.

      Examples:
        tune download meta-llama/Llama-3.2-1B-Instruct \\
          --ignore-patterns 'original/*' --output-dir /tmp/Llama-3.2-1B-Instruct
        tune download tatsu-lab/alpaca --repo-type dataset
        tune download metaresearch/llama-3.2/pytorch/1b --source kaggle
      """)

  enum Source: String, ExpressibleByArgument, CaseIterable { case huggingface, kaggle }
  enum RepositoryKind: String, ExpressibleByArgument, CaseIterable { case model, dataset }

  @Argument(
    help: ArgumentHelp(
      "The repository on the Hugging Face Hub, owner/name, or the handle of a Kaggle model, "
        + "owner/model/framework/variation.", valueName: "repo-id"))
  var repository: String

  @Option(
    help: ArgumentHelp(
      "The folder to download to.",
      discussion: "Default: /tmp/<name>; for Kaggle the cache that "
        + "kagglehub uses.", valueName: "folder"),
    completion: .directory)
  var outputDir: String?

  @Option(
    name: [.customLong("hf-token"), .customLong("HF_TOKEN")],
    help: ArgumentHelp("The token for gated and private repositories.", valueName: "token"))
  var token: String?

  @Option(
    help: ArgumentHelp(
      "Skip files that match, such as '*.safetensors'. Repeatable.",
      valueName: "pattern"))
  var ignorePatterns: [String] = []

  @Option(
    help: ArgumentHelp(
      "Download only files that match. Repeatable.", valueName: "pattern"))
  var allowPatterns: [String] = []

  @Option(help: "The kind of repository on the Hugging Face Hub: model or dataset.")
  var repoType: RepositoryKind = .model

  @Option(
    help: ArgumentHelp(
      "The branch, tag or commit on the Hugging Face Hub. Default: main.",
      valueName: "revision"))
  var revision: String?

  @Option(help: "The site that hosts the repository: huggingface or kaggle.")
  var source: Source = .huggingface

  @Option(help: ArgumentHelp("Your Kaggle user name.", valueName: "name"))
  var kaggleUsername: String?

  @Option(
    help: ArgumentHelp(
      "Your Kaggle API key, from https://www.kaggle.com/settings.", valueName: "key"))
  var kaggleApiKey: String?

  private static let interrupted =
    "Interrupted. Run the same command again to resume."

  func run() throws {
    var settings = try HubSettings(environment: ProcessInfo.processInfo.environment)
    if let token { settings.token = token.filter { !$0.isWhitespace } }
    settings.kaggle.username = kaggleUsername ?? settings.kaggle.username
    settings.kaggle.key = kaggleApiKey ?? settings.kaggle.key
    let selection = FileSelection(
      allowing: allowPatterns.isEmpty ? nil : allowPatterns, ignoring: ignorePatterns)
    let patterns = ignorePatterns.isEmpty ? "None" : ignorePatterns.joined(separator: ", ")
    let folder: String
    switch source {
    case .huggingface:
      let kind: Repository.Kind = repoType == .dataset ? .dataset : .model
      let repository = try Repository(repository, kind: kind, revision: revision ?? "main")
      print("Ignoring files matching the following patterns: \(patterns)")
      let target = outputDir ?? "/tmp/" + repository.name
      folder = try interruptible(message: Self.interrupted) { [settings] in
        try await HubClient.use(settings) {
          try await $0.download(repository, selection, into: target).folder
        }
      }
      if kind == .model { try writeRepositoryID(to: folder) }
    case .kaggle:
      guard repoType == .model, revision == nil else {
        throw TuneError(
          .usage, "--repo-type and --revision are for the Hugging Face Hub",
          remedy: "A version of a Kaggle model is a part of its handle: .../1b/2")
      }
      let handle = try KaggleHandle(repository)
      if let warning = handle.warning { Console.printWarning(TuneError(.data, warning)) }
      folder = try interruptible(message: Self.interrupted) { [settings, outputDir] in
        try await HubClient.use(settings) {
          try await $0.download(handle, selection, into: outputDir)
        }
      }
    }
    print("Successfully downloaded \(repoType.rawValue) repo and wrote to the following locations:")
    for name in try FileManager.default.contentsOfDirectory(atPath: folder).sorted() {
      print(folder + "/" + name)
    }
  }

  /// Where an adapter's configuration later takes the name of its base model from.
  private func writeRepositoryID(to folder: String) throws {
    let text = "{\n    \"repo_id\": \(JSON.string(repository).text())\n}"
    try AtomicFile.write(Data(text.utf8), to: folder + "/original_repo_id.json")
  }
}
