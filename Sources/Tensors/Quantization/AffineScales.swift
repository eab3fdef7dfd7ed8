// Rules of two numbers a group: a scale and what is added to its multiples.
import Tensors

extension WeightRule {
  /// As MLX does: s = (max - min) / n, at least 1e-7, negative unless |min| > |max|; edge = the end of the larger
  /// magnitude; with c = round(edge / s), s = edge / c puts 0 onto the lattice; where c is 0, b is 0.
  func affineEdge(_ groups: Tensor) -> GroupScales {
    let (low, high) = (groups.amin(along: -1, keep: true), groups.amax(along: -1, keep: true))
    let isLow = low.abs().isGreater(than: high.abs())
    let step = ((high - low) / (2 * codes.half - 1)).clamped(to: 1e-7 ... .infinity)
    let signed = Tensor.choose(isLow, step, else: -step)
    let edge = Tensor.choose(isLow, low, else: high)
    let zero = (edge / signed).round()
    let isZero = zero.equals(0)
    let scales = Tensor.choose(isZero, signed, else: edge / zero)
    return GroupScales(
      scales: scalePrecision.round(scales),
      biases: scalePrecision.roundBias(edge.masked(by: isZero, with: 0)))
  }

  /// As torchao's tinygemm: s = (max - min) / n, at least 1e-6; z = min + 2^(bits-1) s; all in w's dtype.
  func floatZero(_ groups: Tensor) -> GroupScales {
    let (low, high) = (groups.amin(along: -1, keep: true), groups.amax(along: -1, keep: true))
    let scales = ((high - low) / (2 * codes.half - 1)).clamped(to: 1e-6 ... .infinity)
    return GroupScales(
      scales: scalePrecision.round(scales),
      biases: scalePrecision.roundBias(low + scales * codes.half))
  }
}
