// Quantizers, in pairs: a QAT quantizer trains for a scheme, the other converts. The first pair takes the name of a
// scheme. torchtune's have its numerics; of the others weights have 2 to 8 bits and a scale a group, and
// activations are int8 per token or stay as they are.
import Configuration
import Essentials

package enum QuantizerChoice: String, ComponentChoice {
  case namedQAT = "swift_tune.quantization.QATQuantizer"
  case named = "swift_tune.quantization.Quantizer"
  case int8DynActInt4QAT = "torchtune.training.quantization.Int8DynActInt4WeightQATQuantizer"
  case int8DynActInt4 = "torchtune.training.quantization.Int8DynActInt4WeightQuantizer"
  case int4WeightOnlyQAT = "torchtune.training.quantization.Int4WeightOnlyQATQuantizer"
  case int4WeightOnly = "torchtune.training.quantization.Int4WeightOnlyQuantizer"
  case int8DynActIntxQAT = "swift_tune.quantization.Int8DynActIntxWeightQATQuantizer"
  case int8DynActIntx = "swift_tune.quantization.Int8DynActIntxWeightQuantizer"
  case intxWeightOnlyQAT = "swift_tune.quantization.IntxWeightOnlyQATQuantizer"
  case intxWeightOnly = "swift_tune.quantization.IntxWeightOnlyQuantizer"
  package static let role = ComponentRole.quantizer

  /// Whether it trains for its scheme rather than converts to it.
  package var isQAT: Bool {
    switch self {
    case .namedQAT, .int8DynActInt4QAT, .int4WeightOnlyQAT, .int8DynActIntxQAT, .intxWeightOnlyQAT:
      true
    case .named, .int8DynActInt4, .int4WeightOnly, .int8DynActIntx, .intxWeightOnly: false
    }
  }
  /// Whether `scheme` names what it does.
  package var isNamed: Bool { self == .named || self == .namedQAT }
}

extension Keys {
  package enum Quantizer {
    package static let scheme = Key.required(
      "scheme", .choice(QuantizationPreset.allCases.map(\.rawValue)),
      "The runtime's scheme to quantize for: which layers, bits, scales and inputs")
    package static let ownGroupSize = Key.nullable(
      "groupsize", .int(1...(1 << 24)),
      "Number of weights per scale, where the scheme leaves a choice; null means its default")
    package static let exclude = Key.nullable(
      "exclude", .list(.string),
      "Parameters to leave in float, by name with shell wildcards: [\"*.down_proj.*\"]")
    package static let weightBits = Key.optional(
      "weight_bits", .int(2...8), default: 4, "Bits per weight")
    package static let groupSize = Key.optional(
      "groupsize", .int(1...(1 << 24)), default: 256,
      "Number of weights per scale, along the input dimension")
    package static let scalesPrecision = Key.optional(
      "scales_precision", .choice(["fp32", "bf16", "fp16", "portable"]), default: "fp32",
      "The dtype of the scales, in training and in the checkpoint; portable: exact in all three")
    /// What the component's name says; nobody can set it.
    package static let quantizesActivations = Key.required(
      "quantizes_activations", .bool, "Whether activations are quantized")
  }
}

extension Components {
  static let quantizers: [ComponentDeclaration] = [
    ComponentDeclaration(
      .quantizer, QuantizerChoice.namedQAT.rawValue, "QAT for the scheme of a runtime, by name",
      arguments: named),
    ComponentDeclaration(
      .quantizer, QuantizerChoice.named.rawValue, "the scheme of a runtime, by name",
      arguments: named),
    ComponentDeclaration(
      .quantizer, QuantizerChoice.int8DynActInt4QAT.rawValue,
      aliases: spellings(
        "Int8DynActInt4WeightQATQuantizer",
        in: [
          "torchtune.utils.quantization", "torchtune.training", "torchao.quantization.qat",
          "torchao.quantization.prototype.qat",
        ]),
      "QAT for int8 activations and int4 weights (8da4w-qat)",
      arguments: int4, preset: [(Keys.Quantizer.weightBits.name, 4)] + roundingActivations),
    ComponentDeclaration(
      .quantizer, QuantizerChoice.int8DynActInt4.rawValue,
      aliases: spellings(
        "Int8DynActInt4WeightQuantizer",
        in: ["torchtune.utils.quantization", "torchtune.training", "torchao.quantization"]),
      "int8 activations and int4 weights (8da4w)",
      arguments: int4, preset: [(Keys.Quantizer.weightBits.name, 4)] + roundingActivations),
    ComponentDeclaration(
      .quantizer, QuantizerChoice.int4WeightOnlyQAT.rawValue,
      aliases: int4WeightOnlySpellings("Int4WeightOnlyQATQuantizer"),
      "QAT for int4 weights with a float zero and float activations (4w-qat)",
      arguments: tinygemm, preset: [(Keys.Quantizer.weightBits.name, 4)] + exactActivations),
    ComponentDeclaration(
      .quantizer, QuantizerChoice.int4WeightOnly.rawValue,
      aliases: int4WeightOnlySpellings("Int4WeightOnlyQuantizer"),
      "int4 weights with a float zero and float activations (4w)",
      arguments: tinygemm, preset: [(Keys.Quantizer.weightBits.name, 4)] + exactActivations),
    ComponentDeclaration(
      .quantizer, QuantizerChoice.int8DynActIntxQAT.rawValue,
      "QAT for int8 activations and weights of 2 to 8 bits", arguments: [bits] + anyWidth,
      preset: roundingActivations),
    ComponentDeclaration(
      .quantizer, QuantizerChoice.int8DynActIntx.rawValue,
      "int8 activations and weights of 2 to 8 bits", arguments: [bits] + anyWidth,
      preset: roundingActivations),
    ComponentDeclaration(
      .quantizer, QuantizerChoice.intxWeightOnlyQAT.rawValue,
      "QAT for weights of 2 to 8 bits and float activations", arguments: [bits] + anyWidth,
      preset: exactActivations),
    ComponentDeclaration(
      .quantizer, QuantizerChoice.intxWeightOnly.rawValue,
      "weights of 2 to 8 bits and float activations", arguments: [bits] + anyWidth,
      preset: exactActivations),
  ]

  static let refusedQuantizers = [
    RefusedComponent(
      role: .quantizer,
      paths: spellings(
        "Int8DynActInt4WeightQATQuantizerModuleSwap",
        in: ["torchtune.training.quantization", "torchtune.utils.quantization"]),
      reason: "It is the same as Int8DynActInt4WeightQATQuantizer, which is supported.")
  ]

  private static let roundingActivations: [(key: String, value: ConfigurationValue)] = [
    (Keys.Quantizer.quantizesActivations.name, true)
  ]
  private static let exactActivations: [(key: String, value: ConfigurationValue)] = [
    (Keys.Quantizer.quantizesActivations.name, false)
  ]

  private static func int4WeightOnlySpellings(_ name: String) -> [String] {
    spellings(
      name,
      in: [
        "torchtune.utils.quantization", "torchtune.training", "torchao.quantization.qat",
        "torchao.quantization",
      ])
  }

  private static let named: [KeyDeclaration] = [
    Keys.Quantizer.scheme.declaration, Keys.Quantizer.ownGroupSize.declaration,
    Keys.Quantizer.exclude.declaration,
  ]

  private static let tinygemm: [KeyDeclaration] = [
    Keys.Quantizer.groupSize.declaration,
    .fixed(
      "inner_k_tiles", at: [8, .null],
      because: "It is the layout of a kernel; files here have one of their own."),
    .fixed(
      "padding_allowed", at: [true, false],
      because: "Layers whose width groupsize does not divide are not quantized."),
    .fixed(
      "precision", at: ["torch.bfloat16", "bf16", .null],
      because: "Quantized values are computed in fp32 and rounded to the run's dtype."),
    .fixed(
      "scales_precision", at: ["torch.bfloat16", "bf16", .null],
      because: "Its scales and zeros are bf16."),
  ]

  private static let bits = Keys.Quantizer.weightBits.declaration

  private static let anyWidth: [KeyDeclaration] = [
    Keys.Quantizer.groupSize.declaration, Keys.Quantizer.scalesPrecision.declaration,
  ]

  private static let int4: [KeyDeclaration] =
    anyWidth + [
      .fixed(
        "padding_allowed", at: [false],
        because: "Layers whose width groupsize does not divide are not quantized."),
      .fixed(
        "precision", at: ["fp32", "torch.float32", .null],
        because: "Quantized values are computed in fp32."),
    ]
}
