// The models that built-in configurations are for: what names them, and where `tune download`
// puts them.

struct BuiltinModel: Sendable {
  /// The folder of the configurations' names.
  let family: String
  /// The model and its variant in the names of output folders.
  let shortName: String
  let component: String
  let modelType: String
  let repository: String
  let files: [String]

  var folder: String { "/tmp/" + (repository.split(separator: "/").last.map(String.init) ?? "") }

  static let llama3Of8B = BuiltinModel(
    family: "llama3", shortName: "llama3_8B", component: "torchtune.models.llama3.llama3_8b",
    modelType: "LLAMA3", repository: "meta-llama/Meta-Llama-3-8B-Instruct",
    files: numberedFiles(4))
  static let llama31Of8B = BuiltinModel(
    family: "llama3_1", shortName: "llama3_1_8B",
    component: "torchtune.models.llama3_1.llama3_1_8b", modelType: "LLAMA3",
    repository: "meta-llama/Meta-Llama-3.1-8B-Instruct", files: numberedFiles(4))
  static let llama32Of1B = BuiltinModel(
    family: "llama3_2", shortName: "llama3_2_1B",
    component: "torchtune.models.llama3_2.llama3_2_1b", modelType: "LLAMA3_2",
    repository: "meta-llama/Llama-3.2-1B-Instruct", files: ["model.safetensors"])
  static let llama32Of3B = BuiltinModel(
    family: "llama3_2", shortName: "llama3_2_3B",
    component: "torchtune.models.llama3_2.llama3_2_3b", modelType: "LLAMA3_2",
    repository: "meta-llama/Llama-3.2-3B-Instruct", files: numberedFiles(2))

  private static func numberedFiles(_ count: Int) -> [String] {
    (1...count).map { "model-0000\($0)-of-0000\(count).safetensors" }
  }
}

extension BuiltinModel {
  var modelText: String {
    """
    # The architecture
    model:
      _component_: \(component)

    """
  }

  /// - Parameter resumes: Whether the recipe state belongs to the file.
  func checkpointerText(resumes: Bool) -> String {
    """
    # Where weights are read (safetensors in Hugging Face layout) and written
    checkpointer:
      _component_: torchtune.training.FullModelHFCheckpointer
      checkpoint_dir: \(folder)/
      checkpoint_files:
    \(files.map { "    - \($0)" }.joined(separator: "\n"))
    \(resumes ? "  recipe_checkpoint: null  # null finds the last one\n" : "")\
      output_dir: ${output_dir}
      model_type: \(modelType)

    """
  }

  var tokenizerText: String {
    """
    # Text to token ids; max_seq_len cuts longer samples
    tokenizer:
      _component_: torchtune.models.llama3.llama3_tokenizer
      path: \(folder)/original/tokenizer.model
      max_seq_len: null

    """
  }

  var downloadLine: String {
    "#   tune download \(repository) --output-dir \(folder)"
  }
}
