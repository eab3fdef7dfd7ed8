// Quantizers, a pair a scheme: a QAT quantizer trains for it, the other converts. Weights have 2 to 8 bits
// and a scale a group; activations are int8 per token or stay as they are. torchtune's two are the case
// of int8 and 4 bits.
import Configuration

package enum QuantizerChoice: String, ComponentChoice {
  case int8DynActInt4QAT = "torchtune.training.quantization.Int8DynActInt4WeightQATQuantizer"
  case int8DynActInt4 = "torchtune.training.quantization.Int8DynActInt4WeightQuantizer"
  case int8DynActIntxQAT = "swift_tune.quantization.Int8DynActIntxWeightQATQuantizer"
  case int8DynActIntx = "swift_tune.quantization.Int8DynActIntxWeightQuantizer"
  case intxWeightOnlyQAT = "swift_tune.quantization.IntxWeightOnlyQATQuantizer"
  case intxWeightOnly = "swift_tune.quantization.IntxWeightOnlyQuantizer"
  package static let role = ComponentRole.quantizer

  /// Whether it trains for its scheme rather than converts to it.
  package var isQAT: Bool {
    switch self {
    case .int8DynActInt4QAT, .int8DynActIntxQAT, .intxWeightOnlyQAT: true
    case .int8DynActInt4, .int8DynActIntx, .intxWeightOnly: false
    }
  }
}

extension Keys {
  package enum Quantizer {
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
      paths: ["Int4WeightOnlyQuantizer", "Int4WeightOnlyQATQuantizer"].flatMap {
        spellings(
          $0,
          in: [
            "torchtune.training.quantization", "torchtune.utils.quantization",
            "torchtune.training", "torchao.quantization.qat",
          ])
      },
      reason: "Its asymmetric weights are not supported; "
        + "swift_tune.quantization.IntxWeightOnlyQATQuantizer has symmetric ones."),
    RefusedComponent(
      role: .quantizer,
      paths: spellings(
        "Int8DynActInt4WeightQATQuantizerModuleSwap",
        in: ["torchtune.training.quantization", "torchtune.utils.quantization"]),
      reason: "It is the same as Int8DynActInt4WeightQATQuantizer, which is supported."),
  ]

  private static let roundingActivations: [(key: String, value: ConfigurationValue)] = [
    (Keys.Quantizer.quantizesActivations.name, true)
  ]
  private static let exactActivations: [(key: String, value: ConfigurationValue)] = [
    (Keys.Quantizer.quantizesActivations.name, false)
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
