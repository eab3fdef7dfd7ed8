// `tune run eleuther_eval` on torchtune's own task, whose questions are on the Hub.
import Foundation
import TestHub
import TestSupport
import Testing

struct EvaluationRunTests {
  private static let card = """
    ---
    configs:
    - config_name: generation
      data_files:
      - split: validation
        path: generation/validation-*
    - config_name: multiple_choice
      data_files:
      - split: validation
        path: multiple_choice/validation-*
    ---
    """

  /// A training's configuration without what an evaluation does not have.
  private static let overrides =
    [
      "dataset", "shuffle", "quantizer", "optimizer", "loss", "epochs", "max_steps_per_epoch",
      "gradient_accumulation_steps", "enable_activation_checkpointing", "metric_logger",
      "log_every_n_steps", "log_peak_memory_stats",
    ].map { "~" + $0 } + ["tasks=[truthfulqa_mc2]", "max_seq_length=128"]

  @Test func questionsOfTheHubAreAsked() async throws {
    let questions = try Data(
      contentsOf: URL(fileURLWithPath: fixturePath("TuneTests/Fixtures/questions.parquet")))
    let dataset = HubRepository(
      "truthfulqa/truthful_qa", isDataset: true,
      [
        "README.md": HubFile(Self.card),
        "multiple_choice/validation-00000-of-00001.parquet": HubFile(questions, isLarge: true),
        "generation/validation-00000-of-00001.parquet": .large(500),
      ])
    try await Processes.inFolderAwaiting { folder in
      let run = try TrainingRun(in: folder)
      func evaluate(_ overrides: [String], _ environment: [String: String]) async throws
        -> Program.Result
      {
        try await Processes.run(
          ["run", "eleuther_eval", "--config", folder + "/train.yaml"] + Self.overrides + overrides,
          in: folder, environment: ["HOME": folder].merging(environment) { $1 })
      }
      try questions.write(to: URL(fileURLWithPath: folder + "/questions.parquet"))
      let local = try await evaluate(
        ["task_data={truthfulqa_mc2: \(folder)/questions.parquet}"], ["HF_HUB_OFFLINE": "1"])
      #expect(local.exitCode == 0, "\(local.stderr)")
      #expect(local.stdout.contains("|truthfulqa_mc2|      3|none  |     0|acc   |↑  |0."))
      let offline = try await evaluate([], ["HF_HUB_OFFLINE": "1"])
      #expect(offline.exitCode == 1 && offline.stderr.contains("task_data="), "\(offline.stderr)")
      try await TestHub.serving([dataset]) { hub in
        let fetched = try await evaluate([], ["HF_ENDPOINT": hub.endpoint])
        #expect(fetched.exitCode == 0 && fetched.stdout == local.stdout, "\(fetched.stderr)")
        #expect(hub.requests.count { $0.isContent } == 1)
      }
      let cached = try await evaluate([], ["HF_HUB_OFFLINE": "1"])
      #expect(cached.stdout == local.stdout, "\(cached.stderr)")
      #expect(!run.exists("out/epoch_0"))
    }
  }
}
