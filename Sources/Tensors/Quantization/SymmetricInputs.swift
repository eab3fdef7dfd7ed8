// Symmetric rules for inputs, computed in fp32 and rounded once to the input's dtype.
//
// Shapes: `K` inputs of a token.
import Tensors

/// int8 per token: s = max|x| / 127, at least fp32 epsilon; q = round(x / s), halves to even.
enum SymmetricTokens {
  static func fakeQuantize(_ x: Tensor) -> Tensor {
    let numbers = x.to(.float32)
    let scale = (numbers.abs().amax(along: -1, keep: true) / 127)
      .clamped(to: leastScale ... .infinity)
    return ((numbers / scale).round().clamped(to: -127...127) * scale).to(x.dtype)
  }
}

/// e4m3 per token: s = max|x| / 448, at least fp32 epsilon.
enum Float8Tokens {
  static func fakeQuantize(_ x: Tensor) -> Tensor {
    let numbers = x.to(.float32)
    let scale = (numbers.abs().amax(along: -1, keep: true) / 448)
      .clamped(to: leastScale ... .infinity)
    return (CodeFormat.float8.round(numbers / scale, low: 0) * scale).to(x.dtype)
  }
}

/// ggml's Q8_0 on x86: blocks of 32, d = max|x| / 127 stored as fp16; codes are x times 127 / max|x|, halves to
/// even, made before d is rounded. A block whose d is 0 is 0.
enum BlockQuantization {
  static func fakeQuantize(_ x: Tensor) -> Tensor {
    let blocks = x.to(.float32).reshape(x.shape.dropLast() + [x.shape[x.rank - 1] / 32, 32])
    let largest = blocks.abs().amax(along: -1, keep: true)
    let scale = (largest / 127).to(.float16).to(.float32)
    let inverse = (Tensor.full([], 127, on: x.device) / largest).masked(
      by: scale.equals(0), with: 0)
    return ((blocks * inverse).round() * scale).reshape(x.shape).to(x.dtype)
  }
}
