// How the inputs of a quantized linear layer are rounded: not at all, or dynamically, each token (row) or block
// of a row by the numbers that it has. A rule each; the gradient passes straight through all of them.
import Tensors

package enum InputRule: String, Sendable, Hashable, CaseIterable {
  case exact = "none"
  /// int8, asymmetric, as torchao 0.10.
  case int8PerToken = "int8_asymmetric_per_token"
  /// int8, symmetric, as vLLM.
  case int8SymmetricPerToken = "int8_symmetric_per_token"
  /// int8, symmetric, in blocks of 32 with fp16 scales: ggml's Q8_0.
  case int8Blocks = "int8_symmetric_blocks_of_32"
  /// e4m3, a scale a token.
  case float8PerToken = "float8_e4m3_per_token"

  /// For messages: `int8 activations per token`.
  package var summary: String {
    switch self {
    case .exact: "exact activations"
    case .int8PerToken: "int8 activations per token"
    case .int8SymmetricPerToken: "symmetric int8 activations per token"
    case .int8Blocks: "int8 activations in blocks of 32"
    case .float8PerToken: "float8 activations per token"
    }
  }
  /// The same with `inputs`.
  var shortSummary: String {
    summary.replacing("activations", with: "inputs")
  }
  /// Numbers that share a scale where that is not a row.
  package var block: Int? { self == .int8Blocks ? 32 : nil }

  /// x as the layer sees it, in x's dtype; the gradient passes straight through.
  package func fakeQuantize(_ x: Tensor) -> Tensor {
    switch self {
    case .exact: x
    case .int8PerToken: TokenQuantization.fakeQuantize(x)
    case .int8SymmetricPerToken: x.straightThrough(SymmetricTokens.fakeQuantize(x.detach()))
    case .int8Blocks: x.straightThrough(BlockQuantization.fakeQuantize(x.detach()))
    case .float8PerToken: x.straightThrough(Float8Tokens.fakeQuantize(x.detach()))
    }
  }
}
