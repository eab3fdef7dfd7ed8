// What can refuse quantization, evaluation and generation comes before what costs: each refusal here is made
// before one byte of a weight is read.
import Catalog
import Checkpoints
import Essentials
import Foundation
import Launching
import Recipes
import Testing
import WeightFiles

private struct Refusal: Sendable, CustomTestStringConvertible {
  var recipe: RecipeName
  var what: String
  var overrides: [String]
  /// Of the checkpoint that is quantized already.
  var isOfQuantized = false
  var says: String

  init(
    _ recipe: RecipeName, _ what: String, _ overrides: [String], isOfQuantized: Bool = false,
    says: String
  ) {
    (self.recipe, self.what, self.overrides) = (recipe, what, overrides)
    (self.isOfQuantized, self.says) = (isOfQuantized, says)
  }
  var testDescription: String { "\(recipe.rawValue): \(what)" }
}

private let recipes: [RecipeName] = [.quantize, .eleutherEval, .generate]

private let refusals: [Refusal] =
  recipes.flatMap { recipe in
    [
      Refusal(recipe, "the device", ["device=cuda:99"], says: "device 'cuda:99' is not there"),
      Refusal(
        recipe, "the model", ["model.norm_eps=1e-3"],
        says: "config.json and the model section differ"
      ),
      Refusal(
        recipe, "a tensor's shape", ["model.vocab_size=400"], says: "vocab_size is 400 here"),
      Refusal(
        recipe, "the files", ["checkpointer.checkpoint_files=[none.safetensors]"],
        says: "none.safetensors"),
    ]
  }
  + [RecipeName.eleutherEval, .generate].flatMap { recipe in
    [
      Refusal(
        recipe, "the tokenizer", ["tokenizer.path=DIR/none.json"], says: "no such tokenizer file"),
      Refusal(
        recipe, "another scheme than the checkpoint's",
        [
          "quantizer._component_=torchtune.training.quantization.Int8DynActInt4WeightQuantizer",
          "quantizer.groupsize=16",
        ], isOfQuantized: true, says: "and the quantizer asks for"),
    ]
  } + [
    Refusal(
      .quantize, "a file at the place of the folder", ["checkpointer.output_dir=DIR/quantize.yaml"],
      says: "key 'checkpointer.output_dir': cannot write to the folder 'DIR/quantize.yaml'"),
    Refusal(
      .quantize, "a folder that cannot be made", ["checkpointer.output_dir=DIR/quantize.yaml/x"],
      says: "quantize.yaml"),
    Refusal(
      .quantize, "the checkpoint's own folder", ["checkpointer.output_dir=DIR/model"],
      says: "written over the one that it is made from"),
    Refusal(
      .quantize, "what is quantized already", [], isOfQuantized: true, says: "quantized already"),
    Refusal(
      .eleutherEval, "the text", ["text_files=[DIR/none.txt]"], says: "none.txt"),
    Refusal(
      .eleutherEval, "text that is none", ["text_files=[DIR/latin1.txt]"], says: "latin1.txt"),
    Refusal(
      .eleutherEval, "the data of a task",
      ["tasks=[truthfulqa_mc2]", "text_files=[]", "task_data={truthfulqa_mc2: DIR/none}"],
      says: "task_data"),
    Refusal(
      .eleutherEval, "the windows", ["max_seq_length=65"], says: "longer than the 64"),
    Refusal(
      .generate, "the length of the prompt",
      ["prompt.user=" + String(repeating: "fox dog ", count: 100)], says: "tokens"),
  ]

@Suite struct RecipeOrderTests {
  private static func particulars(of recipe: RecipeName, _ folder: String) -> String {
    switch recipe {
    case .quantize: ConversionTests.quantizer("Int8DynActInt4WeightQuantizer")
    case .eleutherEval: "tasks: [wikitext]\ntext_files: [\(folder)/text.txt]\nmax_seq_length: 32"
    default: "prompt: {user: The quick brown fox}\nmax_new_tokens: 2"
    }
  }

  private static func run(
    _ recipe: RecipeName, on tiny: TinyModel, checkpoint: String? = nil, _ overrides: [String] = []
  ) throws {
    let configuration = try tiny.recipe(
      recipe, particulars(of: recipe, tiny.folder), checkpoint: checkpoint, overrides: overrides)
    switch recipe {
    case .quantize: try runQuantize(configuration, .single)
    case .eleutherEval: _ = try EvaluationRun(configuration, .single).results()
    default: _ = try generate(configuration, .single)
    }
  }

  private static func tinyModel() throws -> TinyModel {
    let tiny = try TinyModel()
    _ = try tiny.write(TinyModel.text, to: "text.txt")
    try Data([0xE9, 0x20]).write(to: URL(fileURLWithPath: tiny.folder + "/latin1.txt"))
    return tiny
  }

  @Test(arguments: refusals)
  fileprivate func refusesBeforeReadingWeights(_ refusal: Refusal) throws {
    let tiny = try Self.tinyModel()
    if refusal.isOfQuantized { try Self.run(.quantize, on: tiny) }
    func located(_ text: String) -> String { text.replacing("DIR", with: tiny.folder) }
    let before = TensorReads.bytes(below: tiny.folder)
    let error = #expect(throws: TuneError.self) {
      try Self.run(
        refusal.recipe, on: tiny, checkpoint: refusal.isOfQuantized ? tiny.folder + "/out" : nil,
        refusal.overrides.map(located))
    }
    #expect(TensorReads.bytes(below: tiny.folder) == before)
    let text = error?.description ?? ""
    #expect(text.contains(located(refusal.says)), "\(text)")
  }

  /// A run that is not refused reads the weights, and is counted.
  @Test(arguments: recipes) func othersReadThem(_ recipe: RecipeName) throws {
    let tiny = try Self.tinyModel()
    let before = TensorReads.bytes(below: tiny.folder)
    try Self.run(recipe, on: tiny)
    #expect(TensorReads.bytes(below: tiny.folder) - before > 300_000)
  }
}
