// Quantizers. All of them are one scheme, int8 activations per token and 2- to 8-bit weights per
// group; torchtune's two are the 4-bit case. A QAT quantizer trains for it, the other converts.

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
      arguments: int4, preset: [("weight_bits", 4)]),
    ComponentDeclaration(
      .quantizer, "torchtune.training.quantization.Int8DynActInt4WeightQuantizer",
      aliases: spellings(
        "Int8DynActInt4WeightQuantizer",
        in: ["torchtune.utils.quantization", "torchtune.training", "torchao.quantization"]),
      "int8 activations and int4 weights (8da4w)",
      arguments: int4, preset: [("weight_bits", 4)]),
    ComponentDeclaration(
      .quantizer, "swift_tune.quantization.Int8DynActIntxWeightQATQuantizer",
      "QAT for int8 activations and weights of 2 to 8 bits", arguments: [bits] + anyWidth),
    ComponentDeclaration(
      .quantizer, "swift_tune.quantization.Int8DynActIntxWeightQuantizer",
      "int8 activations and weights of 2 to 8 bits", arguments: [bits] + anyWidth),
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
      reason: "Weight-only quantization is not supported; use the Int8DynActInt4Weight ones."),
    RefusedComponent(
      role: .quantizer,
      paths: spellings(
        "Int8DynActInt4WeightQATQuantizerModuleSwap",
        in: ["torchtune.training.quantization", "torchtune.utils.quantization"]),
      reason: "It is the same as Int8DynActInt4WeightQATQuantizer, which is supported."),
  ]

  private static let bits = KeyDeclaration.optional(
    "weight_bits", .int(2...8), default: 4, "The bits of a weight")

  private static let anyWidth: [KeyDeclaration] = [
    .optional(
      "groupsize", .int(1...(1 << 24)), default: 256, "The input columns that share a scale"),
    .optional(
      "scales_precision", .choice(["fp32", "bf16", "fp16"]), default: "fp32",
      "The dtype of the scales, in training as in the file"),
  ]

  private static let int4: [KeyDeclaration] =
    anyWidth + [
      .fixed(
        "padding_allowed", at: [false],
        because: "Layers that the group size does not divide stay as they are."),
      .fixed(
        "precision", at: ["fp32", "torch.float32", .null],
        because: "Quantized values are computed in fp32."),
    ]
}
