// Schemes by name, as configurations and files say them: what a runtime keeps of a model and computes with.
// Quantization says what each is.

package enum QuantizationPreset: String, Sendable, CaseIterable {
  case ggufQ4_0 = "gguf-q4_0"
  case ggufQ8_0 = "gguf-q8_0"
  case ggufQ2_0 = "gguf-q2_0"
  case mlx2bit = "mlx-2bit"
  case mlx3bit = "mlx-3bit"
  case mlx4bit = "mlx-4bit"
  case mlx8bit = "mlx-8bit"
  case w4a16
  case w4a8
  case xnnpack = "8da4w-xnnpack"
  case int8Dynamic = "8da8w"
  case int8
  case torchtune = "8da4w"
  case tinygemm = "4w"
  case nvfp4
  case mxfp4
  case fp8

  /// The group sizes that it can have, the default first; empty where there is no choice.
  package var groupSizes: [Int] {
    switch self {
    case .mlx2bit, .mlx3bit, .mlx4bit, .mlx8bit: [64, 32, 128]
    case .w4a16, .w4a8: [32, 64, 128]
    case .xnnpack: [32, 64, 128, 256]
    case .torchtune, .tinygemm: [32, 64, 128, 256]
    case .ggufQ4_0, .ggufQ8_0, .ggufQ2_0, .int8Dynamic, .int8, .nvfp4, .mxfp4, .fp8: []
    }
  }
}
