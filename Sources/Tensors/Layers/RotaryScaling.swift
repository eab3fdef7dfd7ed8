// Rotary frequencies, and how models stretch them beyond the lengths that they were first trained at. The formulas
// are those of transformers' modeling_rope_utils, in fp32 where these are.
import Foundation
import Tensors

/// The frequencies of a rotary embedding.
package struct RotaryEmbedding: Sendable, Equatable {
  package var base: Double
  /// How much of a head's width is rotated, from its start on; even.
  package var width: Int
  package var scaling: RotaryScaling?
  /// The longest sequence that the model is made for: what `dynamic` compares lengths with.
  package var trainedLength: Int

  package init(base: Double, width: Int, scaling: RotaryScaling? = nil, trainedLength: Int) {
    self.base = base
    self.width = width
    self.scaling = scaling
    self.trainedLength = trainedLength
  }
}

package enum RotaryScaling: Sendable, Equatable {
  /// All frequencies divided (position interpolation).
  case linear(factor: Double)
  /// A base that grows with a sequence longer than the trained length (NTK).
  case dynamic(factor: Double)
  case llama3(Llama3)
  case yarn(Yarn)
  case longrope(LongRope)

  /// Llama 3.1's rescaling of low frequencies.
  package struct Llama3: Sendable, Equatable {
    package var factor: Double
    package var lowFrequencyFactor: Double
    package var highFrequencyFactor: Double
    package var originalLength: Int

    package init(
      factor: Double, lowFrequencyFactor: Double = 1, highFrequencyFactor: Double = 4,
      originalLength: Int = 8192
    ) {
      self.factor = factor
      self.lowFrequencyFactor = lowFrequencyFactor
      self.highFrequencyFactor = highFrequencyFactor
      self.originalLength = originalLength
    }
  }

  /// YaRN (arXiv:2309.00071): high frequencies kept, low ones divided, a ramp between, and a factor of cosines
  /// and sines.
  package struct Yarn: Sendable, Equatable {
    package var factor: Double
    package var originalLength: Int
    package var fastRotations: Double
    package var slowRotations: Double
    /// The ends of the ramp are whole numbers.
    package var truncates: Bool
    package var attentionFactor: Double

    package init(
      factor: Double, originalLength: Int, fastRotations: Double = 32, slowRotations: Double = 1,
      truncates: Bool = true, attentionFactor: Double
    ) {
      self.factor = factor
      self.originalLength = originalLength
      self.fastRotations = fastRotations
      self.slowRotations = slowRotations
      self.truncates = truncates
      self.attentionFactor = attentionFactor
    }
  }

  /// LongRoPE (arXiv:2402.13753): a divisor for each frequency, another set beyond the original length.
  package struct LongRope: Sendable, Equatable {
    package var shortDivisors: [Double]
    package var longDivisors: [Double]
    package var originalLength: Int
    package var attentionFactor: Double

    package init(
      shortDivisors: [Double], longDivisors: [Double], originalLength: Int, attentionFactor: Double
    ) {
      self.shortDivisors = shortDivisors
      self.longDivisors = longDivisors
      self.originalLength = originalLength
      self.attentionFactor = attentionFactor
    }
  }
}

extension RotaryEmbedding {
  /// [width / 2] fp32, for a sequence of `length` tokens.
  func frequencies(length: Int) -> Tensor {
    switch scaling {
    case nil: return frequencies(base: base)
    case .linear(let factor): return frequencies(base: base) / factor
    case .dynamic(let factor):
      let stretch =
        factor * Double(max(length, trainedLength)) / Double(trainedLength) - (factor - 1)
      return frequencies(base: base * pow(stretch, Double(width) / Double(width - 2)))
    case .llama3(let scaling):
      return Tensor(frequencies(base: base).floats.map(scaling.rescale))
    case .yarn(let scaling): return frequencies(scaling)
    case .longrope(let scaling):
      let divisors =
        length > scaling.originalLength ? scaling.longDivisors : scaling.shortDivisors
      return (Tensor(divisors.map(Float.init)) * wavelengths(base: base)).reciprocal()
    }
  }

  /// Factor of cosines and sines.
  var amplitude: Double {
    switch scaling {
    case .yarn(let scaling): scaling.attentionFactor
    case .longrope(let scaling): scaling.attentionFactor
    case .linear, .dynamic, .llama3, nil: 1
    }
  }

  /// Frequencies at this length are those of another length where this is the same.
  func regime(length: Int) -> Int {
    switch scaling {
    case .dynamic: max(length, trainedLength)
    case .longrope(let scaling): length > scaling.originalLength ? 1 : 0
    case .linear, .llama3, .yarn, nil: 0
    }
  }
  /// Whether tables depend on how long the sequence is.
  var dependsOnLength: Bool {
    switch scaling {
    case .dynamic, .longrope: true
    case .linear, .llama3, .yarn, nil: false
    }
  }

  private func wavelengths(base: Double) -> Tensor {
    ((Tensor.arange(width / 2) * 2) / Double(width)).exponents(ofBase: base)
  }
  private func frequencies(base: Double) -> Tensor { wavelengths(base: base).reciprocal() }

  private func frequencies(_ yarn: RotaryScaling.Yarn) -> Tensor {
    func dimension(rotations: Double) -> Double {
      Double(width) * log(Double(yarn.originalLength) / (rotations * 2 * .pi)) / (2 * log(base))
    }
    var low = dimension(rotations: yarn.fastRotations)
    var high = dimension(rotations: yarn.slowRotations)
    if yarn.truncates { (low, high) = (low.rounded(.down), high.rounded(.up)) }
    (low, high) = (max(low, 0), min(high, Double(width - 1)))
    if low == high { high += 0.001 }
    let ramp = ((Tensor.arange(width / 2) - low) / (high - low)).clamped(to: 0...1)
    let kept = -(ramp - 1)
    let waves = wavelengths(base: base)
    return (waves * yarn.factor).reciprocal() * -(kept - 1) + waves.reciprocal() * kept
  }
}

extension RotaryScaling.Llama3 {
  /// Low frequencies divided by `factor`, high ones kept, a smooth passage between.
  func rescale(_ frequency: Float) -> Float {
    let wavelength = 2 * Float.pi / frequency
    let longest = Float(originalLength) / Float(lowFrequencyFactor)
    let shortest = Float(originalLength) / Float(highFrequencyFactor)
    if wavelength < shortest { return frequency }
    if wavelength > longest { return frequency / Float(factor) }
    let smooth =
      (Float(originalLength) / wavelength - Float(lowFrequencyFactor))
      / Float(highFrequencyFactor - lowFrequencyFactor)
    return (1 - smooth) * frequency / Float(factor) + smooth * frequency
  }
}
