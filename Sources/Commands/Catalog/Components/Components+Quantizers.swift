// Quantizers, a pair a scheme: a QAT quantizer trains for it, the other converts. Weights have 2 to 8 bits
// and a scale a group; activations are int8 per token or stay as they are. torchtune's two are the case
// of int8 and 4 bits.
import Configuration

extension Components {
  static let quantizers: [ComponentDeclaration] = [
    ComponentDeclaration(
      .quantizer, "torchtune.training.quantization.Int8DynActInt4WeightQATQuantizer",
      aliases: spellings(
        "Int8DynActInt4WeightQATQuantizer",
        in: [
          "torchtune.utils.quantization", "torchtune.training", "torchao.quantization.qat",
          "torchao.quantization.prototype.qat",
        ]),
      "QAT for int8 activations and int4 weights (8da4w-qat)",
      arguments: int4, preset: [("weight_bits", 4)] + roundingActivations),
    ComponentDeclaration(
      .quantizer, "torchtune.training.quantization.Int8DynActInt4WeightQuantizer",
      aliases: spellings(
        "Int8DynActInt4WeightQuantizer",
        in: ["torchtune.utils.quantization", "torchtune.training", "torchao.quantization"]),
      "int8 activations and int4 weights (8da4w)",
      arguments: int4, preset: [("weight_bits", 4)] + roundingActivations),
    ComponentDeclaration(
      .quantizer, "swift_tune.quantization.Int8DynActIntxWeightQATQuantizer",
      "QAT for int8 activations and weights of 2 to 8 bits", arguments: [bits] + anyWidth,
      preset: roundingActivations),
    ComponentDeclaration(
      .quantizer, "swift_tune.quantization.Int8DynActIntxWeightQuantizer",
      "int8 activations and weights of 2 to 8 bits", arguments: [bits] + anyWidth,
      preset: roundingActivations),
    ComponentDeclaration(
      .quantizer, "swift_tune.quantization.IntxWeightOnlyQATQuantizer",
      "QAT for weights of 2 to 8 bits and float activations", arguments: [bits] + anyWidth,
      preset: exactActivations),
    ComponentDeclaration(
      .quantizer, "swift_tune.quantization.IntxWeightOnlyQuantizer",
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
    ("quantizes_activations", true)
  ]
  private static let exactActivations: [(key: String, value: ConfigurationValue)] = [
    ("quantizes_activations", false)
  ]

  private static let bits = KeyDeclaration.optional(
    "weight_bits", .int(2...8), default: 4, "Bits per weight")

  private static let anyWidth: [KeyDeclaration] = [
    .optional(
      "groupsize", .int(1...(1 << 24)), default: 256,
      "Number of weights per scale, along the input dimension"),
    .optional(
      "scales_precision", .choice(["fp32", "bf16", "fp16"]), default: "fp32",
      "The dtype of the scales, in training and in the checkpoint"),
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
