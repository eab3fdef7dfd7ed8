// Which token comes next: the likeliest, or one drawn from the softmax of the logits over a
// temperature, of all tokens or of the `top_k` likeliest. torchtune's rule: dividing each probability
// by a draw from the exponential distribution and taking the largest, here of a seeded generator.
// `V` vocabulary.
import Tensors

package struct Sampler {
  /// 0 always takes the likeliest token.
  package let temperature: Double
  /// nil draws from all tokens.
  package let topK: Int?
  private let generator: RandomGenerator

  package init(temperature: Double, topK: Int? = nil, seed: UInt64) {
    self.temperature = temperature
    self.topK = topK
    generator = RandomGenerator(seed: seed)
  }

  /// From logits [V] that are finite.
  package func next(_ logits: Tensor) -> Int32 {
    if temperature == 0 { return Int32(logits.argmax(along: -1).itemInt) }
    // On the CPU, so that a seed gives the same text on every device.
    var scaled = logits.to(.float32).to(.cpu) / max(temperature, 1e-5)
    if let topK, topK < scaled.count {
      let pivot = scaled.largest(topK).values.floats[topK - 1]
      scaled = scaled.masked(by: scaled.isLess(than: Double(pivot)), with: -.infinity)
    }
    // libtorch draws one sample of a multinomial by exactly that rule.
    return Int32(generator.multinomial(scaled.softmax(along: -1), samples: 1).itemInt)
  }
}
