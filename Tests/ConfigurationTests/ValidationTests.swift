// What a checked configuration gives to recipes, and that every built-in one passes.
import Builtins
import Essentials
import Foundation
import Testing

@testable import Catalog
@testable import Configuration

struct ValidationTests {
  @Test(arguments: BuiltinConfiguration.all.map(\.name))
  func builtinConfigurationsAreValid(name: String) throws {
    let builtin = try #require(BuiltinConfiguration.named(name))
    let map = try ConfigurationFile.read(name)
    #expect(RecipeName(inferringFrom: map).isQAT == builtin.recipe.isQAT)
    #expect(RecipeName(inferringFrom: map).isTraining == builtin.recipe.isTraining)
    #expect(RecipeName(inferringFrom: map).trainsAdapters == builtin.recipe.trainsAdapters)
    let checked = try ValidatedConfiguration.load(
      recipe: builtin.recipe, config: name,
      overrides: name.hasPrefix("any/") ? Self.neededByAny(builtin.recipe) : [], environment: [:])
    #expect(checked.root[Keys.outputFolder].isEmpty == false)
    #expect(!builtin.text.contains("\t") && builtin.text.hasSuffix("\n"))
    #expect(builtin.text.split(separator: "\n").allSatisfy { $0.count <= 100 && $0.last != " " })
  }

  /// What any/* leaves to the caller, and no more than that.
  private static func neededByAny(_ recipe: RecipeName) -> [String] {
    ["checkpointer.checkpoint_dir=m"] + (recipe.isTraining ? ["dataset.source=d.jsonl"] : [])
  }

  @Test(arguments: BuiltinConfiguration.all.filter { $0.name.hasPrefix("any/") }.map(\.name))
  func configurationsOfAnyModelNameWhatIsMissing(name: String) throws {
    let builtin = try #require(BuiltinConfiguration.named(name))
    let needed = Self.neededByAny(builtin.recipe)
    for left in needed.indices {
      var given = needed
      let key = given.remove(at: left).prefix { $0 != "=" }
      let error = #expect(throws: TuneError.self) {
        try ValidatedConfiguration.load(
          recipe: builtin.recipe, config: name, overrides: given, environment: [:])
      }
      #expect(error?.description.contains("key '\(key)': missing required key") == true)
    }
  }

  @Test func namesAreUniqueAndComponentsToo() {
    let names = BuiltinConfiguration.all.map(\.name)
    #expect(Set(names).count == names.count)
    let paths = Components.all.flatMap { [$0.path] + $0.aliases }
    #expect(Set(paths).count == paths.count)
    #expect(Set(Components.refused.flatMap(\.paths)).isDisjoint(with: paths))
    for recipe in RecipeName.allCases {
      let keys = RecipeSchema.declaration(of: recipe).keys.map(\.name)
      #expect(Set(keys).count == keys.count, "\(recipe)")
    }
    for component in Components.all {
      let keys = component.arguments.map(\.name) + component.preset.map(\.key)
      #expect(Set(keys).count == keys.count, "\(component.path)")
    }
  }

  /// Each recipe reads defaults by the declared type; a default of another type would trap there.
  @Test func defaultsHaveTheDeclaredType() {
    let keys =
      RecipeName.allCases.flatMap { RecipeSchema.declaration(of: $0).keys }
      + Components.all.flatMap(\.arguments)
    for key in keys where key.onlyAt == nil {
      guard case .defaultsTo(let value) = key.presence, value != .null else { continue }
      if case .either(let types) = key.type {
        #expect(types.contains { $0.converting(value) == value }, "\(key.name)")
        continue
      }
      if case .list(let element, _) = key.type, case .list(let list) = value {
        #expect(list.allSatisfy { element.converting($0.value) == $0.value }, "\(key.name)")
      } else {
        #expect(key.type.converting(value) == value, "\(key.name)")
      }
    }
  }

  private func load(_ overrides: String..., config: String = "llama3/8B_qat_full") throws
    -> Section
  {
    let recipe = try #require(BuiltinConfiguration.named(config)).recipe
    return try ValidatedConfiguration.load(
      recipe: recipe, config: config, overrides: overrides, environment: [:]
    ).root
  }

  @Test func sectionsReadByType() throws {
    let root = try load(
      "seed=7", "clip_grad_norm=inf", "fake_quant_after_n_steps=1e3", "~max_steps_per_epoch")
    #expect(root[Keys.batchSize] == 2 && root[Keys.validationBatchSize] == 2)
    #expect(root[Keys.seed] == 7)
    #expect(root[Keys.clipNorm] == .infinity)
    #expect(root[Keys.fakeQuantizationDelay] == 1000)
    #expect(root[Keys.maximumStepsPerEpoch] == nil)
    #expect(!root.isGiven(Keys.maximumStepsPerEpoch) && root.isGiven(Keys.epochs))
    #expect(root[Keys.schedule] == nil)
    let optimizer = root[Keys.optimizer]
    #expect(optimizer.choice() == OptimizerChoice.adamW)
    #expect(
      optimizer[Keys.Optimizer.learningRate] == 2e-5 && optimizer[Keys.Optimizer.isFused] == true)
    #expect(optimizer[Keys.Optimizer.betas] == [0.9, 0.999])
    let data = root[Keys.dataset][0]
    #expect(
      data[Keys.Dataset.source] == "yahma/alpaca-cleaned"
        && data[Keys.Dataset.split] == "train[:95%]")
    #expect(root[Keys.checkpointer].checkpointFiles()?.count == 4)
    #expect(
      root[Keys.metricLogger][Keys.DiskLogger.folder]
        == "/tmp/torchtune/llama3_8B/qat_full/logs")
  }

  @Test func presetsAreTheirFamilyWithFixedArguments() throws {
    let llama3 = try load()[Keys.model]
    #expect(llama3.family == "torchtune.models.llama3.llama3")
    #expect(
      llama3[Keys.Model.layerCount] == 32 && llama3[Keys.Model.rotaryBase] == 500_000)
    let small = try load(config: "llama3_2/1B_full")[Keys.model]
    #expect(small.family == "torchtune.models.llama3_2.llama3_2")
    #expect(small[Keys.Model.tiesEmbeddings] && small[Keys.Model.scaleFactor] == 32)
  }

  @Test func aliasesBecomeCanonical() throws {
    let root = try load(
      "quantizer=torchtune.utils.quantization.Int8DynActInt4WeightQATQuantizer",
      "quantizer.groupsize=32", "optimizer=bitsandbytes.optim.PagedAdamW8bit", "~optimizer.fused")
    let quantizer = try #require(root[Keys.quantizer])
    #expect(
      quantizer.component
        == "torchtune.training.quantization.Int8DynActInt4WeightQATQuantizer")
    #expect(quantizer[Keys.Quantizer.weightBits] == 4 && quantizer[Keys.Quantizer.groupSize] == 32)
    #expect(quantizer[Keys.Quantizer.scalesPrecision] == "fp32")
    #expect(root[Keys.optimizer].choice() == OptimizerChoice.adamW8bit)
    #expect(root[Keys.optimizer][Keys.Optimizer.blockSize] == 256)
  }

  /// What torchtune's main branch and older files say otherwise than release 0.6.1.
  @Test func spellingsOfOtherReleasesAreRead() throws {
    let root = try load(
      "loss=torch.nn.CrossEntropyLoss", "log_level=warn", "enable_fp8_training=False",
      "fp8_recipe_name=null", "activation_offloading_use_streams=False",
      "tokenizer.truncation_type=right")
    #expect(root[Keys.loss].component == "torch.nn.CrossEntropyLoss")
    #expect(root[Keys.loss][Keys.Loss.chunkCount] == 1)
    #expect(root[Keys.logLevel] == "WARNING")
    let qwen3 = try load("checkpointer.model_type=QWEN2", config: "qwen3/8B_qat_full")
    #expect(qwen3[Keys.model].modelFamily == .qwen3)
  }

  /// A switch over a choice of components covers all that a configuration can name.
  @Test func choicesAreTheComponentsOfTheirRole() {
    func expect<Choice: ComponentChoice>(_: Choice.Type) {
      #expect(
        Set(Choice.allCases.map(\.rawValue)) == Set(Components.table.paths(for: Choice.role)),
        "\(Choice.role)")
    }
    expect(TokenizerChoice.self)
    expect(DatasetChoice.self)
    expect(OptimizerChoice.self)
    expect(CheckpointerChoice.self)
    expect(MetricLoggerChoice.self)
    expect(QuantizerChoice.self)
  }

  @Test func numberedCheckpointFilesExpand() throws {
    let root = try load(
      "checkpointer.checkpoint_files={filename_format: 'model-{}-of-{}.safetensors', "
        + "max_filename: '00003'}")
    #expect(
      root[Keys.checkpointer].checkpointFiles() == [
        "model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors",
        "model-00003-of-00003.safetensors",
      ])
  }

  @Test func aSinglePathIsAListOfOne() throws {
    let root = try load("dataset.source=json", "dataset.data_files=a.json")
    #expect(root[Keys.dataset][0][Keys.Dataset.files] == ["train": ["a.json"]])
  }

  @Test func filesOfSplitsAndSeveralDatasetsAreRead() throws {
    let root = try load(
      "dataset=[{_component_: torchtune.datasets.alpaca_dataset, source: json, "
        + "data_files: {train: a.json, test: [b.json, c.json]}, weight: 3}, "
        + "{_component_: torchtune.datasets.wikitext_dataset, weight: 1}]")
    let datasets = root[Keys.dataset]
    #expect(datasets.map { $0[Keys.Dataset.weight] } == [3, 1])
    #expect(
      datasets[0][Keys.Dataset.files] == ["train": ["a.json"], "test": ["b.json", "c.json"]])
    #expect(datasets[1][Keys.Dataset.files] == nil)
    #expect(datasets[1][Keys.Dataset.subset] == "wikitext-103-v1")
    #expect(root[Keys.validationDataset]?.count == 1)
    #expect(datasets[0].location(of: Keys.Dataset.weight).key == "dataset[0].weight")
  }

  @Test func templatesAreFound() throws {
    let llama2 = try load(config: "llama2/7B_qat_full")[Keys.tokenizer]
    #expect(try llama2.promptTemplate() != nil)
    let own = try load("tokenizer.prompt_template={user: ['Q: ', ' A: ']}")[Keys.tokenizer]
    #expect(try own.promptTemplate() != nil)
    #expect(try load("tokenizer.prompt_template=None")[Keys.tokenizer].promptTemplate() == nil)
    for choice in PromptTemplateChoice.allCases {
      let named = try load("tokenizer.prompt_template=\(choice.rawValue)")[Keys.tokenizer]
      #expect(try named.promptTemplate() == choice.template)
    }
    func remedy(_ name: String) -> String? {
      #expect(throws: TuneError.self) { try load("tokenizer.prompt_template=\(name)") }?.remedy
    }
    #expect(
      remedy("torchtune.data.ChatMTemplate") == "Did you mean 'torchtune.data.ChatMLTemplate'?")
    #expect(remedy("x")?.hasPrefix("Known templates: torchtune.data.ChatMLTemplate, ") == true)
  }

  @Test func adaptersAreReadAndRefused() throws {
    let checked = try ValidatedConfiguration.load(
      recipe: .loraFinetuneDistributed, config: "llama3_2/1B_lora", environment: [:])
    let model = checked.root[Keys.model]
    #expect(
      model.hasAdapters && model[Keys.Model.adapterRank] == 64
        && model[Keys.Model.layerCount] == 16)
    #expect(model.modelFamily == .llama32)
    #expect(RecipeName.allCases.allSatisfy { ($0.refusal != nil) == $0.trainsAdapters })
    #expect(checked.recipe.refusal?.code == .unsupported)
  }

  @Test func switchesThatAreAllOffAreOff() throws {
    func remarks(_ overrides: String...) throws -> [String?] {
      try ValidatedConfiguration.load(
        recipe: .qatDistributed, config: "llama3/8B_qat_full", overrides: overrides,
        environment: [:]
      ).remarks.map(\.location.key)
    }
    let off = "compile={model: False, loss: False}"
    #expect(try remarks(off, "custom_sharded_layers=[output]").isEmpty)
    #expect(try remarks("compile={model: False, loss: True}") == ["compile"])
  }

  @Test func whatIsNeedlessIsRemarked() throws {
    func remarks(_ override: String) throws -> [TuneError] {
      try ValidatedConfiguration.load(
        recipe: .qatDistributed, config: "llama3/8B_qat_full", overrides: [override],
        environment: [:]
      ).remarks
    }
    for value in ["True", "{model: True, loss: False}"] {
      let found = try remarks("compile=\(value)")
      #expect(found.count == 1 && found.first?.location.key == "compile")
    }
    #expect(try remarks("compile=False").isEmpty)
    #expect(try remarks("fsdp_cpu_offload=True").isEmpty)
  }

  @Test func effectiveTextValidatesToTheSame() throws {
    let first = try ValidatedConfiguration.load(
      recipe: .qatDistributed, config: "llama3/8B_qat_full", overrides: ["seed=3"],
      environment: [:])
    let again = try ValidatedConfiguration(
      recipe: .qatDistributed,
      ComposedConfiguration(
        YAMLReader.map(in: first.yaml(), file: "again.yaml"), environment: [:]))
    #expect(again.yaml() == first.yaml())
    #expect(again.root[Keys.seed] == 3)
  }

  @Test func missingFilesAreListed() throws {
    let checked = try ValidatedConfiguration.load(
      recipe: .qatDistributed, config: "llama3/8B_qat_full",
      overrides: ["checkpointer.checkpoint_dir=/nonexistent"], environment: [:])
    let missing = checked.missingFiles()
    #expect(missing.allSatisfy { $0.code == .missingFile })
    #expect(missing.contains { $0.location.key == "checkpointer.checkpoint_dir" })
  }
}
