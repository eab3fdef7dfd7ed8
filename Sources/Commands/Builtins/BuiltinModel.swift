// The models that built-in configurations are for: what names them, where `tune download` puts them,
// and which adapters they are trained with.

struct BuiltinModel: Sendable {
  /// The weights of a model folder, as `checkpoint_files` names them.
  enum Files: Sendable {
    case safetensors(Int)
    case pickled(Int)
  }
  struct Adapters: Sendable {
    var rank: Int
    var alpha: Int
    /// Whether the file says that the output head has none.
    var namesHead = false
  }

  /// The folder of the configurations' names.
  let family: String
  /// The size in the names of configurations.
  let size: String
  /// The model in the names of output folders.
  let shortName: String
  /// The builder below `torchtune.models`.
  let builder: String
  let repository: String
  let files: Files
  var adapters = Adapters(rank: 8, alpha: 16)
  /// The builder's arguments, where it is of a family and not of a size.
  var arguments: [String] = []
  /// The longest sequence; null leaves it to the model.
  var longestSequence: Int?

  var modelType: String {
    switch family {
    case "llama2": "LLAMA2"
    case "llama3_2": "LLAMA3_2"
    case "qwen2_5": "QWEN2"
    // torchtune's files of this size: its weights have no head of their own.
    case "qwen3": size == "4B" ? "QWEN2" : "QWEN3"
    default: "LLAMA3"
    }
  }
  var folder: String { "/tmp/" + (repository.split(separator: "/").last.map(String.init) ?? "") }
  var isQwen: Bool { family.hasPrefix("qwen") }

  static let llama2Of7B = BuiltinModel(
    family: "llama2", size: "7B", shortName: "llama2_7B", builder: "llama2.llama2_7b",
    repository: "meta-llama/Llama-2-7b-hf", files: .pickled(2),
    adapters: .init(rank: 8, alpha: 16, namesHead: true))
  static let tinyLlama = BuiltinModel(
    family: "llama2", size: "1B", shortName: "llama1b", builder: "llama2.llama2",
    repository: "TinyLlama/TinyLlama_v1.1", files: .pickled(1),
    arguments: [
      "vocab_size: 32000", "num_layers: 22", "num_heads: 32", "num_kv_heads: 4",
      "embed_dim: 2048", "max_seq_len: 2048", "intermediate_dim: 5632", "attn_dropout: 0.0",
      "norm_eps: 1e-5",
    ], longestSequence: 2048)
  static let llama3Of8B = BuiltinModel(
    family: "llama3", size: "8B", shortName: "llama3_8B", builder: "llama3.llama3_8b",
    repository: "meta-llama/Meta-Llama-3-8B-Instruct", files: .safetensors(4),
    adapters: .init(rank: 8, alpha: 16, namesHead: true))
  static let llama31Of8B = BuiltinModel(
    family: "llama3_1", size: "8B", shortName: "llama3_1_8B", builder: "llama3_1.llama3_1_8b",
    repository: "meta-llama/Meta-Llama-3.1-8B-Instruct", files: .safetensors(4),
    adapters: .init(rank: 8, alpha: 16, namesHead: true))
  static let llama32Of1B = BuiltinModel(
    family: "llama3_2", size: "1B", shortName: "llama3_2_1B", builder: "llama3_2.llama3_2_1b",
    repository: "meta-llama/Llama-3.2-1B-Instruct", files: .safetensors(1),
    adapters: .init(rank: 64, alpha: 128))
  static let llama32Of3B = BuiltinModel(
    family: "llama3_2", size: "3B", shortName: "llama3_2_3B", builder: "llama3_2.llama3_2_3b",
    repository: "meta-llama/Llama-3.2-3B-Instruct", files: .safetensors(2),
    adapters: .init(rank: 64, alpha: 128))

  static let smallQwen25 = qwen25("1.5B", "1_5b_instruct", shards: 1, .init(rank: 32, alpha: 64))
  static let middleQwen25 = qwen25("3B", "3b", shards: 2, .init(rank: 8, alpha: 16))
  static let tinyQwen3 = qwen3("0.6B", "0_6b_instruct", shards: 1, .init(rank: 32, alpha: 64))
  static let smallQwen3 = qwen3("1.7B", "1_7b_instruct", shards: 2, .init(rank: 32, alpha: 64))
  static let middleQwen3 = qwen3("4B", "4b_instruct", shards: 3, .init(rank: 8, alpha: 16))
  static let largeQwen3 = qwen3(
    "8B", "8b_instruct", shards: 5, .init(rank: 8, alpha: 16, namesHead: true))
  static let hugeQwen3 = qwen3(
    "32B", "32b", shards: 17, .init(rank: 8, alpha: 16, namesHead: true))

  private static func qwen25(_ size: String, _ builder: String, shards: Int, _ adapters: Adapters)
    -> BuiltinModel
  {
    BuiltinModel(
      family: "qwen2_5", size: size, shortName: "qwen2_5_" + size.replacing(".", with: "_"),
      builder: "qwen2_5.qwen2_5_" + builder, repository: "Qwen/Qwen2.5-\(size)-Instruct",
      files: .safetensors(shards), adapters: adapters)
  }

  private static func qwen3(_ size: String, _ builder: String, shards: Int, _ adapters: Adapters)
    -> BuiltinModel
  {
    BuiltinModel(
      family: "qwen3", size: size, shortName: "qwen3_" + size.replacing(".", with: "_"),
      builder: "qwen3.qwen3_" + builder, repository: "Qwen/Qwen3-\(size)",
      files: .safetensors(shards), adapters: adapters)
  }
}

extension BuiltinModel {
  func modelText(withAdapters: Bool = false) -> String {
    guard withAdapters else {
      return """
        # The architecture
        model:
          _component_: torchtune.models.\(builder)
        \(arguments.map { "  " + $0 + "\n" }.joined())
        """
    }
    let names = builder.split(separator: ".")
    return """
      # The architecture, its attention and feed-forward layers with adapters of low rank
      model:
        _component_: torchtune.models.\(names[0]).lora_\(names[1])
        lora_attn_modules: ['q_proj', 'v_proj', 'output_proj']
        apply_lora_to_mlp: True
      \(adapters.namesHead ? "  apply_lora_to_output: False\n" : "")\
        lora_rank: \(adapters.rank)
        lora_alpha: \(adapters.alpha)  # the adapters' scale is alpha / rank
        lora_dropout: 0.0

      """
  }

  /// - Parameter resumes: Whether the recipe state belongs to the file.
  func checkpointerText(resumes: Bool, namesAdapter: Bool = false) -> String {
    """
    # Where weights are read (Hugging Face layout) and written
    checkpointer:
      _component_: torchtune.training.FullModelHFCheckpointer
      checkpoint_dir: \(folder)
    \(filesText)
    \(namesAdapter && family == "llama2" ? "  adapter_checkpoint: null\n" : "")\
    \(resumes ? "  recipe_checkpoint: null  # null finds the last one\n" : "")\
      output_dir: ${output_dir}
      model_type: \(modelType)

    """
  }

  private var filesText: String {
    func padded(_ number: Int) -> String {
      String(repeating: "0", count: 5 - String(number).count) + String(number)
    }
    func list(_ names: [String]) -> String {
      "  checkpoint_files:\n" + names.map { "    - " + $0 }.joined(separator: "\n")
    }
    switch files {
    case .safetensors(1): return list(["model.safetensors"])
    case .safetensors(let count) where count > 5:
      return """
          checkpoint_files:
            filename_format: model-{}-of-{}.safetensors
            max_filename: "\(padded(count))"
        """
    case .safetensors(let count):
      return list((1...count).map { "model-\(padded($0))-of-\(padded(count)).safetensors" })
    case .pickled(1): return list(["pytorch_model.bin"])
    case .pickled(let count):
      return list((1...count).map { "pytorch_model-\(padded($0))-of-\(padded(count)).bin" })
    }
  }

  var tokenizerText: String {
    let fields: [String] =
      switch family {
      case "llama2":
        [
          "_component_: torchtune.models.llama2.llama2_tokenizer",
          "path: \(folder)/tokenizer.model",
        ]
      case "qwen2_5", "qwen3":
        [
          "_component_: torchtune.models.\(family).\(family)_tokenizer",
          "path: \(folder)/vocab.json", "merges_file: \(folder)/merges.txt",
        ]
      default:
        [
          "_component_: torchtune.models.llama3.llama3_tokenizer",
          "path: \(folder)/original/tokenizer.model",
        ]
      }
    return """
      # Text to token ids; max_seq_len cuts longer samples
      tokenizer:
      \(fields.map { "  " + $0 }.joined(separator: "\n"))
        max_seq_len: \(longestSequence.map(String.init) ?? "null")

      """
  }

  var downloadLine: String {
    "#   tune download \(repository) --output-dir \(folder)"
  }
}
