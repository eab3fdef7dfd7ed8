// A quantization plan in words: as `quantization_config` of a config.json and, in the same words, as metadata of
// the safetensors files, so that a file says by itself how its codes are meant. torchtune's schemes, one for all
// linear layers, have five words; any other plan lists its schemes.
import Essentials
import Quantization
import Tensors

enum QuantizationDescription {
  static let method = "swift-tune"
  /// The suffixes of the tensors beside the codes, in place of `.weight`.
  static let scalesSuffix = ".weight_scales"
  static let biasesSuffix = ".weight_biases"
  static let tensorScaleSuffix = ".weight_tensor_scale"

  /// Whether five words say it all.
  private static func isShort(_ plan: QuantizationPlan) -> Bool {
    let weights = plan.layers.weights
    return plan.isUniform && weights.codes.isInteger && weights.groupSize > 0
      && weights.scaleRule == .halfStep && weights.scalePrecision.isShort
      && (plan.layers.inputs == .exact || plan.layers.inputs == .int8PerToken)
  }

  static func json(_ plan: QuantizationPlan) -> JSON {
    var json: JSONObject = ["quant_method": .string(method), "scheme": .string(plan.name)]
    guard isShort(plan) else {
      for (key, value) in parts(plan) { json[key] = value }
      return .object(json)
    }
    let weights = plan.layers.weights
    json["weight_bits"] = .integer(weights.bits)
    json["group_size"] = .integer(weights.groupSize)
    json["scale_dtype"] = .string(weights.scalePrecision.rawValue)
    json["activations"] = .string(plan.layers.inputs.rawValue)
    return .object(json)
  }
  private static func parts(_ plan: QuantizationPlan) -> JSONObject {
    [
      "layers": json(plan.layers), "head": plan.head.map(json) ?? .null,
      "embedding": plan.embedding.map(json) ?? .null,
      "exceptions": .array(
        plan.exceptions.map {
          .object(["pattern": .string($0.pattern), "scheme": $0.scheme.map(json) ?? .null])
        }),
    ]
  }
  private static func json(_ scheme: QuantizationScheme) -> JSON {
    .object([
      "codes": .string(scheme.weights.codes.name),
      "group_size": .integer(scheme.weights.groupSize),
      "scale_rule": .string(scheme.weights.scaleRule.rawValue),
      "scale_dtype": .string(scheme.weights.scalePrecision.rawValue),
      "activations": .string(scheme.inputs.rawValue),
    ])
  }

  static func metadata(_ plan: QuantizationPlan) -> [String: String] {
    var words = ["quant_method": method, "scheme": plan.name]
    guard isShort(plan) else {
      words["plan"] = JSON.object(parts(plan)).text()
      return words
    }
    for (key, value) in json(plan).object ?? [:] where words[key] == nil {
      words[key] = value.string ?? value.integer.map(String.init)
    }
    return words
  }

  /// The name of a tensor beside the codes.
  static func name(_ suffix: String, of weight: String) -> String {
    (weight.hasSuffix(".weight") ? String(weight.dropLast(".weight".count)) : weight) + suffix
  }
  static func scalesName(of weight: String) -> String { name(scalesSuffix, of: weight) }

  static func codesShape(_ shape: [Int], _ scheme: QuantizationScheme) -> [Int] {
    [shape[0], (shape[1] * scheme.weights.bits + 7) / 8]
  }
  static func scalesShape(_ shape: [Int], _ scheme: QuantizationScheme) -> [Int] {
    [shape[0], shape[1] / scheme.weights.groupSize(inputs: shape[1])]
  }

  /// The tensors of a weight of this name and shape: its codes, then what turns them into numbers.
  static func declarations(
    _ name: String, _ shape: [Int], _ scheme: QuantizationScheme
  ) -> [TensorDeclaration] {
    let weights = scheme.weights
    var all = [
      TensorDeclaration(name, .uint8, codesShape(shape, scheme)),
      TensorDeclaration(scalesName(of: name), weights.scaleDType, scalesShape(shape, scheme)),
    ]
    if weights.scaleRule.hasBias {
      all.append(
        .init(
          self.name(biasesSuffix, of: name), weights.biasDType, scalesShape(shape, scheme)))
    }
    // A number a row, so that the rows of a tensor that holds several layers keep their own.
    if !weights.roundsRowsAlone {
      all.append(.init(self.name(tensorScaleSuffix, of: name), .float32, [shape[0]]))
    }
    return all
  }
}

extension ScalePrecision {
  fileprivate var isShort: Bool {
    switch self {
    case .float32, .bfloat16, .float16, .portable: true
    case .powerOfTwo, .float8: false
    }
  }
}

extension ConfigurationReader {
  /// Of the inside of `quantization_config`.
  func quantizationPlan() throws -> QuantizationPlan {
    let method = try string("quant_method")
    guard method == QuantizationDescription.method else {
      throw failure(
        "quant_method", "checkpoints quantized by '\(method ?? "none")' cannot be read",
        .unsupported, remedy: "Use the unquantized checkpoint, or one that tune quantized.")
    }
    guard has("layers") else { return QuantizationPlan(try oneScheme()) }
    guard let layers = try object("layers") else { throw failure("layers", "is missing") }
    let plan = try plan(named: string("scheme") ?? "", layers: layers.scheme())
    try checkPreset(plan)
    return plan
  }

  private func plan(named name: String, layers: QuantizationScheme) throws -> QuantizationPlan {
    let (head, embedding) = (try object("head")?.scheme(), try object("embedding")?.scheme())
    if let head, let embedding, head.weights != embedding.weights {
      throw failure(
        "embedding", "is quantized otherwise than the head, whose weight it may be", .unsupported)
    }
    return QuantizationPlan(
      name: name, layers: layers, head: head, embedding: embedding, exceptions: try exceptions())
  }
  private func exceptions() throws -> [QuantizationPlan.Exception] {
    guard let list = value("exceptions") else { return [] }
    guard let entries = list.array else { throw failure("exceptions", "must be a list") }
    return try entries.enumerated().map { index, entry in
      guard let json = entry.object else {
        throw failure("exceptions[\(index)]", "must be an object")
      }
      let reader = inner(json, "exceptions[\(index)]")
      guard let pattern = try reader.string("pattern") else {
        throw reader.failure("pattern", "is missing")
      }
      return .init(pattern: pattern, scheme: try reader.object("scheme")?.scheme())
    }
  }
  /// A preset's name stands for its values, whatever layers are left out.
  private func checkPreset(_ plan: QuantizationPlan) throws {
    guard let preset = QuantizationPreset(rawValue: plan.name) else { return }
    let sizes = preset.groupSizes.isEmpty ? [nil] : preset.groupSizes.map(Optional.init)
    var bare = plan
    bare.exceptions = []
    guard !sizes.contains(where: { preset.plan(groupSize: $0) == bare }) else { return }
    throw failure(
      "scheme", "the values beside it are not those of '\(plan.name)'",
      remedy: "Restore config.json as it was written.")
  }

  private func scheme() throws -> QuantizationScheme {
    func named<V>(_ key: String, _ make: (String) -> V?) throws -> V {
      let name = try string(key)
      guard let found = name.flatMap(make) else {
        throw failure(key, "'\(name ?? "none")' is not supported", .unsupported)
      }
      return found
    }
    let group = value("group_size")?.integer == WeightRule.wholeRow
    let weights = WeightRule(
      codes: try named("codes", CodeFormat.init(name:)),
      groupSize: group ? WeightRule.wholeRow : try needed("group_size"),
      scaleRule: try named("scale_rule", ScaleRule.init(rawValue:)),
      scalePrecision: try named("scale_dtype", ScalePrecision.init(rawValue:)))
    guard weights.isPossible else {
      throw failure(
        "scale_rule",
        "'\(weights.scaleRule.rawValue)' does not go with \(weights.codes.name) and "
          + "scales of \(weights.scalePrecision.rawValue)", .unsupported)
    }
    return QuantizationScheme(
      weights: weights, inputs: try named("activations", InputRule.init(rawValue:)))
  }

  private func oneScheme() throws -> QuantizationScheme {
    let bits = try needed("weight_bits", limit: 8)
    guard bits >= 2 else { throw failure("weight_bits", "must be from 2 to 8") }
    let dtypeName = try string("scale_dtype") ?? "float32"
    guard let precision = ScalePrecision(rawValue: dtypeName), precision.isShort else {
      throw failure("scale_dtype", "'\(dtypeName)' cannot hold scales")
    }
    let weights = WeightRule(
      bits: bits, groupSize: try needed("group_size"), scalePrecision: precision)
    let name = try string("scheme")
    let candidates = [InputRule.exact, .int8PerToken].map {
      QuantizationScheme(weights: weights, inputs: $0)
    }
    guard let scheme = candidates.first(where: { QuantizationPlan($0).name == name }) else {
      throw failure("scheme", "'\(name ?? "none")' does not fit \(bits) bits", .unsupported)
    }
    let activations = try string("activations")
    guard activations == scheme.inputs.rawValue else {
      throw failure(
        "activations", "'\(activations ?? "none")' is not supported", .unsupported)
    }
    return scheme
  }
}
