// Signed scales by search: of 45 factors of absmax / (2^(bits-1) - 0.5), from 0.55 to 1.1, with both signs, the
// one whose rounding has the least squared error. Slow: every candidate rounds the group.
import Tensors

extension WeightRule {
  private static let factors = (0..<45).map { 0.55 + 0.55 * Double($0) / 44 }

  /// groups [.., K/g, g] fp32 to scales [.., K/g, 1] fp32; of equal errors the first candidate's.
  func searchedScales(_ groups: Tensor) -> Tensor {
    let base = largest(groups) / (codes.half - 0.5)
    var best: (scales: Tensor, errors: Tensor)?
    for sign in [1.0, -1] {
      for factor in Self.factors {
        let scales = scalePrecision.round(base * (sign * factor))
        let rounded = codes.round(groups / scales, low: -codes.half) * scales
        let difference = groups - rounded
        let errors = (difference * difference).sum(along: -1, keep: true)
        guard let found = best else {
          best = (scales, errors)
          continue
        }
        let isBetter = found.errors.isGreater(than: errors)
        best = (
          Tensor.choose(isBetter, scales, else: found.scales),
          Tensor.choose(isBetter, errors, else: found.errors)
        )
      }
    }
    guard let best else { preconditionFailure("no candidates") }
    return best.scales
  }
}
