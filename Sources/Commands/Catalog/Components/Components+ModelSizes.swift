// The sizes of the released models, under the names of torchtune's builders.
import Configuration

/// What tells one size of a family from another.
private struct ModelSize {
  var layers: Int
  var heads: Int
  var pairs = 8
  var width: Int
  /// nil where the family's rule gives it.
  var inner: Int?
  /// The longest sequence.
  var tokens: Int

  func preset(
    vocabulary: Int, base: Double, epsilon: Double = 1e-5,
    _ others: [(key: String, value: ConfigurationValue)] = []
  ) -> [(key: String, value: ConfigurationValue)] {
    typealias Model = Keys.Model
    return [
      (Model.vocabularySize.name, .int(vocabulary)), (Model.layerCount.name, .int(layers)),
      (Model.headCount.name, .int(heads)), (Model.keyValueHeadCount.name, .int(pairs)),
      (Model.width.name, .int(width)), (Model.longestSequence.name, .int(tokens)),
      (Model.hiddenWidth.name, inner.map { .int($0) } ?? .null),
      (Model.rotaryBase.name, .double(base)), (Model.normEpsilon.name, .double(epsilon)),
    ] + others
  }
}

extension Components {
  static let llamas: [ComponentDeclaration] = [
    llama2("7b", ModelSize(layers: 32, heads: 32, pairs: 32, width: 4096, tokens: 4096)),
    llama2(
      "13b", ModelSize(layers: 40, heads: 40, pairs: 40, width: 5120, inner: 13824, tokens: 4096)),
    llama2("70b", ModelSize(layers: 80, heads: 64, width: 8192, inner: 28672, tokens: 4096)),
    llama3(.llama3, "llama3.llama3_8b", "Llama 3 8B", of8B(8192)),
    llama3(.llama3, "llama3.llama3_70b", "Llama 3 70B", of70B(8192)),
    llama3(.llama31, "llama3_1.llama3_1_8b", "Llama 3.1 8B", of8B(131_072), stretch: 8),
    llama3(.llama31, "llama3_1.llama3_1_70b", "Llama 3.1 70B", of70B(131_072), stretch: 8),
    llama3(
      .llama31, "llama3_1.llama3_1_405b", "Llama 3.1 405B",
      ModelSize(layers: 126, heads: 128, width: 16384, inner: 53248, tokens: 131_072), stretch: 8),
    llama3(.llama31, "llama3_3.llama3_3_70b", "Llama 3.3 70B", of70B(131_072), stretch: 8),
    llama3(
      .llama32, "llama3_2.llama3_2_1b", "Llama 3.2 1B",
      ModelSize(layers: 16, heads: 32, width: 2048, inner: 8192, tokens: 131_072), stretch: 32),
    llama3(
      .llama32, "llama3_2.llama3_2_3b", "Llama 3.2 3B",
      ModelSize(layers: 28, heads: 24, width: 3072, inner: 8192, tokens: 131_072), stretch: 32),
  ]

  private static func of8B(_ tokens: Int) -> ModelSize {
    ModelSize(layers: 32, heads: 32, width: 4096, inner: 14336, tokens: tokens)
  }
  private static func of70B(_ tokens: Int) -> ModelSize {
    ModelSize(layers: 80, heads: 64, width: 8192, inner: 28672, tokens: tokens)
  }

  private static func llama2(_ name: String, _ size: ModelSize) -> ComponentDeclaration {
    ComponentDeclaration(
      .model, "torchtune.models.llama2.llama2_\(name)", "Llama 2 \(name.uppercased())",
      preset: size.preset(vocabulary: 32_000, base: 10_000), family: ModelFamily.llama2.rawValue)
  }

  private static func llama3(
    _ family: ModelFamily, _ path: String, _ summary: String, _ size: ModelSize,
    stretch: Int? = nil
  ) -> ComponentDeclaration {
    ComponentDeclaration(
      .model, "torchtune.models." + path, summary,
      arguments: family == .llama32
        ? family.arguments.filter { $0.name == Keys.Model.tiesEmbeddings.name } : [],
      preset: size.preset(
        vocabulary: 128_256, base: 500_000,
        stretch.map { [(Keys.Model.scaleFactor.name, .int($0))] } ?? []),
      family: family.rawValue)
  }
}

/// The larger models have a few rows more in their embeddings.
private let (smallVocabulary, largeVocabulary) = (151_936, 152_064)

extension Components {
  static let qwens: [ComponentDeclaration] = smallQwens + largeQwens + thirdQwens

  private static let smallQwens: [ComponentDeclaration] = [
    qwen2("qwen2.qwen2_0_5b", ofHalfABillion(), tied: true),
    qwen2("qwen2.qwen2_1_5b", ofOneAndAHalf(), tied: true),
    qwen2("qwen2.qwen2_7b", of7B()),
    qwen2("qwen2_5.qwen2_5_0_5b", ofHalfABillion(), tied: true),
    qwen2("qwen2_5.qwen2_5_1_5b_base", ofOneAndAHalf(131_072), tied: true),
    qwen2("qwen2_5.qwen2_5_1_5b_instruct", ofOneAndAHalf(), tied: true),
    qwen2(
      "qwen2_5.qwen2_5_3b",
      ModelSize(layers: 36, heads: 16, pairs: 2, width: 2048, inner: 11008, tokens: 32_768),
      tied: true),
    qwen2("qwen2_5.qwen2_5_7b_base", of7B(131_072)),
    qwen2("qwen2_5.qwen2_5_7b_instruct", of7B()),
  ]

  private static let largeQwens: [ComponentDeclaration] = [
    ("14b", ModelSize(layers: 48, heads: 40, width: 5120, inner: 13824, tokens: 32_768)),
    ("32b", ModelSize(layers: 64, heads: 40, width: 5120, inner: 27648, tokens: 32_768)),
    ("72b", ModelSize(layers: 80, heads: 64, width: 8192, inner: 29568, tokens: 32_768)),
  ].flatMap { (name: String, instruct: ModelSize) -> [ComponentDeclaration] in
    var base = instruct
    base.tokens = 131_072
    return [
      qwen2("qwen2_5.qwen2_5_\(name)_base", base, epsilon: 1e-5),
      qwen2("qwen2_5.qwen2_5_\(name)_instruct", instruct),
    ]
  }

  private static let thirdQwens: [ComponentDeclaration] =
    [
      ("0_6b", ModelSize(layers: 28, heads: 16, width: 1024, inner: 3072, tokens: 40_960), true),
      ("1_7b", ModelSize(layers: 28, heads: 16, width: 2048, inner: 6144, tokens: 40_960), true),
      ("4b", ModelSize(layers: 36, heads: 32, width: 2560, inner: 9728, tokens: 40_960), true),
      ("8b", ModelSize(layers: 36, heads: 32, width: 4096, inner: 12288, tokens: 40_960), false),
      ("14b", ModelSize(layers: 40, heads: 40, width: 5120, inner: 17408, tokens: 40_960), false),
    ].flatMap { (name: String, instruct: ModelSize, tied: Bool) -> [ComponentDeclaration] in
      var base = instruct
      base.tokens = 32_768
      return [
        qwen3("\(name)_base", base, tied: tied), qwen3("\(name)_instruct", instruct, tied: tied),
      ]
    }
    + [
      qwen3(
        "32b", ModelSize(layers: 64, heads: 64, width: 5120, inner: 25600, tokens: 40_960),
        tied: false)
    ]

  private static func ofHalfABillion() -> ModelSize {
    ModelSize(layers: 24, heads: 14, pairs: 2, width: 896, inner: 4864, tokens: 32_768)
  }
  private static func ofOneAndAHalf(_ tokens: Int = 32_768) -> ModelSize {
    ModelSize(layers: 28, heads: 12, pairs: 2, width: 1536, inner: 8960, tokens: tokens)
  }
  private static func of7B(_ tokens: Int = 32_768) -> ModelSize {
    ModelSize(layers: 28, heads: 28, pairs: 4, width: 3584, inner: 18944, tokens: tokens)
  }

  private static func qwen2(
    _ path: String, _ size: ModelSize, tied: Bool = false, epsilon: Double = 1e-6
  ) -> ComponentDeclaration {
    ComponentDeclaration(
      .model, "torchtune.models." + path, summary(path),
      preset: size.preset(
        vocabulary: size.width < 3584 ? smallVocabulary : largeVocabulary, base: 1_000_000,
        epsilon: epsilon, [(Keys.Model.tiesEmbeddings.name, .bool(tied))]),
      family: ModelFamily.qwen2.rawValue)
  }

  private static func qwen3(_ name: String, _ size: ModelSize, tied: Bool)
    -> ComponentDeclaration
  {
    ComponentDeclaration(
      .model, "torchtune.models.qwen3.qwen3_" + name, summary("qwen3.qwen3_" + name),
      preset: size.preset(
        vocabulary: smallVocabulary, base: 1_000_000, epsilon: 1e-6,
        [(Keys.Model.tiesEmbeddings.name, .bool(tied)), (Keys.Model.headWidth.name, 128)]),
      family: ModelFamily.qwen3.rawValue)
  }

  /// `qwen2_5.qwen2_5_1_5b_base` is `Qwen 2.5 1.5B base`.
  private static func summary(_ path: String) -> String {
    let parts = path.split(separator: ".").map(String.init)
    func dotted(_ text: String) -> String { text.replacing("_", with: ".") }
    var name = parts[1].dropFirst(parts[0].count + 1)
    var variant = ""
    for ending in ["base", "instruct"] where name.hasSuffix("_" + ending) {
      name = name.dropLast(ending.count + 1)
      variant = " " + ending
    }
    return "Qwen " + dotted(String(parts[0].dropFirst(4))) + " "
      + dotted(String(name)).uppercased() + variant
  }
}
