// The configurations of what follows training: quantization, evaluation and generation.
import Catalog

extension BuiltinConfiguration {
  static let afterTraining: [BuiltinConfiguration] = [
    file(
      "quantization", .quantize, output: "/tmp/torchtune/\(model.shortName)/quantized",
      """
      # The numerics to convert to. The quantizer of a QAT run converts what it trained.
      quantizer:
        _component_: torchtune.training.quantization.Int8DynActInt4WeightQuantizer
        groupsize: 256

      """),
    file(
      "eleuther_evaluation", .eleutherEval, output: "./",
      """
      \(model.tokenizerText)
      # Truthfulness, by multiple choice. For perplexity on text of yours:
      #   tasks=[wikitext] text_files=[FILE]
      tasks: ["truthfulqa_mc2"]
      limit: null
      max_seq_length: 4096
      batch_size: 8
      enable_kv_cache: True

      \(floatModel)
      """),
    file(
      "generation", .generate, output: "./",
      """
      \(model.tokenizerText)  prompt_template: null

      # What to answer
      prompt:
        system: null
        user: "Tell me a joke."
      max_new_tokens: 300
      temperature: 0.6
      top_k: 300
      enable_kv_cache: True

      \(floatModel)
      """),
  ]

  private static let model = BuiltinModel.llama2Of7B

  private static let floatModel = """
    # Null for float weights; for a quantized checkpoint the quantizer that made it
    quantizer: null

    """

  private static func file(
    _ name: String, _ recipe: RecipeName, output: String, _ particulars: String
  ) -> BuiltinConfiguration {
    let summary = RecipeSchema.declaration(of: recipe).summary
    return BuiltinConfiguration(
      name: name, recipe: recipe,
      text: """
        # \(summary)
        #
        # The weights and the tokenizer:
        \(model.downloadLine)
        #   tune run \(recipe.rawValue) --config \(name)

        output_dir: \(output)

        \(model.modelText())
        \(model.checkpointerText(resumes: recipe == .quantize))
        device: cuda
        dtype: bf16
        seed: 1234

        \(particulars)
        """)
  }
}
