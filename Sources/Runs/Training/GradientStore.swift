// Gradient shards between the backward walk and the optimizer: added up over micro-batches, then
// clipped to a global norm, then used. With `.immediately` nothing is stored.
import Essentials
import Sharding
import Tensors

final class GradientStore {
  private var gradients: [Int: Tensor] = [:]

  func add(unit: Int, _ gradient: Tensor) {
    if let sum = gradients[unit] {
      sum.addInPlace(gradient)
    } else {
      gradients[unit] = gradient
    }
  }
  /// The norm over all parameters and ranks.
  func globalNorm(_ group: ProcessGroup) throws -> Double {
    let local = sumOfSquares(gradients.sorted { $0.key < $1.key }.map(\.value))
    return try group.sums([local])[0].squareRoot()
  }
  /// Of this rank's gradients; NaN where there is one, 0 without gradients.
  var largestMagnitude: Double {
    var largest = 0.0
    for magnitude in gradients.values.map(\.largestMagnitude) {
      if !(magnitude <= largest) { largest = magnitude }
      if largest.isNaN { break }
    }
    return largest
  }
  /// Hands out the gradients unit by unit, scaled, and forgets each.
  func stepAll(times factor: Double = 1, _ body: (Int, Tensor) -> Void) {
    for unit in gradients.keys.sorted() {
      guard let gradient = gradients.removeValue(forKey: unit) else { continue }
      if factor != 1 { gradient.multiplyInPlace(factor) }
      body(unit, gradient)
    }
  }
}
