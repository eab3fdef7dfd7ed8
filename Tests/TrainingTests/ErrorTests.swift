// Bad input, each found before any training (Fixtures/errors.txt holds the texts). With
// RECORD_SNAPSHOTS set, the test writes what it got beside the sources and fails.
import Catalog
import Checkpoints
import Configuration
import Essentials
import Foundation
import Inference
import Layers
import Quantization
import Tensors
import TestSupport
import Testing
import Training

@testable import Recipes

private struct Case: Sendable {
  var name: String
  var overrides: [String] = []
  var recipe = RecipeName.qatDistributed
  var prepare: @Sendable (TrainingFolder) throws -> Void = { _ in }

  func with(_ more: String...) -> Case {
    var copy = self
    copy.overrides += more
    return copy
  }
}

/// The golden model, copied to `model`, where tests break it.
private func copyModel(_ folder: TrainingFolder) throws {
  try FileManager.default.copyItem(
    atPath: fixturePath("CheckpointsTests/Fixtures/nano"), toPath: folder.path + "/model")
}
private func weights(_ folder: TrainingFolder) -> URL {
  URL(fileURLWithPath: folder.path + "/model/model.safetensors")
}
/// Writes the model again with some tensors changed or, for nil, left out, and with others added.
private func rewriteModel(
  _ folder: TrainingFolder, adding added: [(String, Tensor)] = [],
  _ change: (String, Tensor) -> Tensor? = { $1 }
) throws {
  try copyModel(folder)
  let tensors =
    try folder.model("model").compactMap { name, tensor in
      change(name, tensor).map { (name, $0) }
    } + added
  let writer = try SafetensorsWriter(
    to: weights(folder).path, tensors.map { .init($0, $1.dtype, $1.shape) }, metadata: [:])
  for (name, tensor) in tensors { try writer.write(tensor, to: name) }
  try writer.finish()
}
private let ownModel = ["checkpointer.checkpoint_dir=MODEL"]

private let checkpoints: [Case] = [
  Case(name: "the checkpoint's folder is not there", overrides: ownModel),
  Case(name: "the checkpoint's file is not there", overrides: ownModel) {
    try copyModel($0)
    try $0.remove("model/model.safetensors")
  },
  Case(name: "a safetensors file is cut off", overrides: ownModel) {
    try copyModel($0)
    let file = try FileHandle(forWritingTo: weights($0))
    try file.truncate(atOffset: 1_000_000)
  },
  Case(name: "a safetensors header lies", overrides: ownModel) {
    try copyModel($0)
    let file = try FileHandle(forWritingTo: weights($0))
    try file.write(contentsOf: Data([255, 255, 255, 255, 255, 255, 255, 127]))
  },
  Case(name: "the model has another width", overrides: ["model.intermediate_dim=320"]),
  Case(name: "the model has more layers", overrides: ["model.num_layers=3"]),
  Case(name: "a tensor is missing", overrides: ownModel) {
    try rewriteModel($0) { $0 == "model.layers.1.mlp.up_proj.weight" ? nil : $1 }
  },
  Case(name: "a tensor that the model does not have", overrides: ownModel) {
    try rewriteModel($0, adding: [("model.layers.0.self_attn.q_proj.bias", .zeros([128]))])
  },
  Case(name: "a tensor has another shape", overrides: ownModel) {
    try rewriteModel($0) {
      $0 == "model.layers.1.mlp.up_proj.weight" ? $1.narrow(0, from: 0, count: 200) : $1
    }
  },
  Case(name: "the checkpoint is quantized", overrides: ownModel) { folder in
    let source = try Golden.model()
    _ = try FolderQuantization(
      source, source.configuration.decoder, scheme: QuantizationScheme(groupSize: 32),
      dtype: .float32
    ).write(to: folder.path + "/model")
  },
  Case(name: "the output folder cannot be made", overrides: ["output_dir=/dev/null/x"]),
  Case(
    name: "the output would replace the checkpoint",
    overrides: ["checkpointer.checkpoint_dir=DIR/out/epoch_0"]
  ) { try $0.train(["max_steps_per_epoch=1"]) },
]

private let keys: [Case] = [
  Case(name: "the group size divides nothing", overrides: ["quantizer.groupsize=96"]),
  Case(name: "an unknown key", overrides: ["gradient_accumulation_step=2"]),
  Case(name: "an unknown component", overrides: ["optimizer._component_=torch.optim.AdamX"]),
  Case(name: "a wrong type", overrides: ["batch_size=two"]),
  Case(name: "fp16", overrides: ["dtype=fp16"]),
  Case(name: "nothing to train", overrides: ["trainable=[]"]),
  // Found before the checkpoint is so much as looked for.
  Case(
    name: "a pattern of nothing",
    overrides: ["trainable=['*v_proj*', 'layers.*.wq']", "checkpointer.checkpoint_dir=MODEL"]),
  Case(name: "longer than the model", overrides: ["tokenizer.max_seq_len=513"]),
  Case(
    name: "a sample is longer than the model", overrides: ["~tokenizer.max_seq_len"]
  ) {
    try $0.write(
      #"[{"instruction":"a","input":"","output":"\#(String(repeating: "word ", count: 900))"}]"#,
      to: "data.json")
  }.with("dataset.data_files=DIR/data.json", "batch_size=1"),
  Case(
    name: "packs without a length", overrides: ["dataset.packed=True", "~tokenizer.max_seq_len"]),
]

private func data(_ text: String) -> @Sendable (TrainingFolder) throws -> Void {
  { try $0.write(text, to: "data.json") }
}
private let ownData = ["dataset.data_files=DIR/data.json"]
private let records: [Case] = [
  Case(name: "the dataset is not there", overrides: ownData),
  Case(name: "the dataset is empty", overrides: ownData, prepare: data("")),
  Case(name: "the dataset has no record", overrides: ownData, prepare: data("[]")),
  Case(
    name: "a line of json is broken", overrides: ownData,
    prepare: data(
      #"{"instruction":"a","input":"","output":"b"}"# + "\n"
        + #"{"instruction":"a","input":"","output":"b"}"# + "\n" + #"{"instruction": "a", "in"#)),
  Case(
    name: "a record lacks a column", overrides: ownData,
    prepare: data(#"{"instruction":"a","input":""}"# + "\n")),
  Case(
    name: "fewer samples than a batch", overrides: ownData,
    prepare: data(#"{"instruction":"a","input":"","output":"b"}"# + "\n")),
  Case(name: "fewer batches than a step", overrides: ["gradient_accumulation_steps=11"]),
  Case(name: "the tokenizer is not there", overrides: ["tokenizer.path=DIR/none.model"]),
  Case(
    name: "the tokenizer is another model's",
    overrides: [
      "tokenizer.path=\(fixturePath("TokenizersTests/Fixtures/tokenizer_small/tokenizer.model"))",
      "tokenizer.special_tokens_path=null",
    ]),
]

private let resumes: [Case] = [
  Case(name: "no state to resume from", overrides: ["resume_from_checkpoint=True"]),
  Case(
    name: "resumed with another optimizer",
    overrides: ["resume_from_checkpoint=True", "optimizer._component_=torch.optim.SGD"]
  ) { try $0.train(["epochs=2", "max_steps_per_epoch=1"]) },
  Case(
    name: "resumed though all epochs are done",
    overrides: ["resume_from_checkpoint=True"]
  ) {
    try $0.train(["epochs=2", "max_steps_per_epoch=1"])
  },
  Case(
    name: "resumed with batches that do not divide it",
    overrides: ["resume_from_checkpoint=True", "batch_size=3"]
  ) { try $0.train(["max_steps_per_epoch=2", "save_every_n_steps=1"]) },
  Case(
    name: "resumed from a cut state", overrides: ["resume_from_checkpoint=True"]
  ) {
    try $0.train(["epochs=2", "max_steps_per_epoch=1"])
    let path = $0.path + "/out/recipe_state/recipe_state.safetensors"
    try #require(FileHandle(forWritingAtPath: path)).truncate(atOffset: 50_000)
  },
  Case(name: "resumed without the weights", overrides: ["resume_from_checkpoint=True"]) {
    try $0.train(["epochs=2", "max_steps_per_epoch=1"])
    try $0.remove("out/epoch_0")
  },
]

@Suite struct ErrorTests {
  @Test func badInputIsAnsweredAsRecorded() throws {
    var text = ""
    for one in checkpoints + keys + records + resumes { text += try answer(to: one) }
    #expect(text == (try snapshot("TrainingTests/Fixtures/errors.txt", recording: text)))
  }

  /// Not recorded: the text counts the machine's GPUs.
  @Test func aDeviceThatIsNotThere() throws {
    try TrainingFolder.with { folder in
      let error = #expect(throws: TuneError.self) {
        try folder.train(["device=cuda:63"], recipe: .qatSingleDevice)
      }
      #expect(error?.code == .device && error?.exitCode == 1)
      #expect(error?.location.key == "device" && error?.remedy != nil)
      #expect(error?.message.contains("cuda:63") == true)
    }
  }

  /// Every rank says so, and where: each walks forward again to find it.
  @Test(arguments: [1, 2]) func aLossThatIsNotFinite(ranks: Int) throws {
    try TrainingFolder.with { folder in
      try rewriteModel(folder) { name, tensor in
        name == "model.layers.1.mlp.up_proj.weight" ? .full(tensor.shape, 3e38) : tensor
      }
      let error = #expect(throws: TuneError.self) {
        try folder.train(
          ["checkpointer.checkpoint_dir=\(folder.path)/model", "batch_size=1"], ranks: ranks)
      }
      #expect(error?.code == .nonFinite && error?.exitCode == 1)
      let place = "the loss of step 0 is not finite: not finite in layer 1, input of mlp.down_proj"
      #expect(error?.message.hasPrefix(place) == true, "\(error?.message ?? "")")
      #expect(!folder.exists("out/epoch_0"))
    }
  }

  private func answer(to one: Case) throws -> String {
    try TrainingFolder.with { folder in
      try one.prepare(folder)
      try? folder.remove("out/logs")
      let overrides = one.overrides.map {
        $0.replacingOccurrences(of: "MODEL", with: folder.path + "/model")
          .replacingOccurrences(of: "DIR", with: folder.path)
      }
      let error = #expect(throws: TuneError.self, "\(one.name)") {
        try folder.train(overrides, recipe: one.recipe)
      }
      // Before any step.
      #expect((try? folder.log().isEmpty) ?? true, "\(one.name)")
      #expect(error?.exitCode == 1)
      let description = (error?.description ?? "none").replacingOccurrences(
        of: folder.path, with: "DIR"
      ).replacingOccurrences(of: testsFolder, with: "TESTS")
      return "# \(one.name)\n\(description)\n\n"
    }
  }
}
