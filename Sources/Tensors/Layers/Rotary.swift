// Rotary position embedding on interleaved pairs, in fp32 (RoFormer; Llama 3.1's rescaling).
// `B` batch, `T` tokens, `N` heads, `H` head width.
import Tensors

/// Cosines and sines for every position a model may use.
package struct Rotary: Sendable {
  /// [positions, H/2] fp32 each
  let cosines, sines: Tensor

  package init(_ c: DecoderConfiguration, positions: Int, on device: Device = .cpu) {
    let exponents = (Tensor.arange(c.headWidth / 2) * 2) / Double(c.headWidth)
    var frequencies = exponents.exponents(ofBase: c.rotaryBase).reciprocal()
    if let scaling = c.rotaryScaling {
      frequencies = Tensor(frequencies.floats.map { scaling.rescale($0) })
    }
    let angles = Tensor.arange(positions).unsqueeze(1) * frequencies.unsqueeze(0)
    cosines = angles.cos().to(device)
    sines = angles.sin().to(device)
  }

  /// The rows for these positions, shaped to broadcast over x [B, T, N, H/2].
  /// - Parameter positions: [B, T] int64, nil for `offset`, `offset` + 1, ...
  package func angles(_ positions: Tensor?, offset: Int = 0, tokens: Int) -> RotaryAngles {
    func pick(_ table: Tensor) -> Tensor {
      guard let positions else {
        return table.narrow(0, from: offset, count: tokens).unsqueeze(0).unsqueeze(2)
      }
      let shape = positions.shape
      return table.rows(positions.reshape(-1)).reshape(shape[0], shape[1], 1, table.shape[1])
    }
    return RotaryAngles(cosines: pick(cosines), sines: pick(sines))
  }
}

/// Cosines and sines of one batch, [B or 1, T, 1, H/2].
package struct RotaryAngles: Sendable {
  let cosines, sines: Tensor

  /// x [B, T, N, H]: each pair (a, b) turned by its position's angle.
  func turn(_ x: Tensor) -> Tensor {
    x.turnedPairs(cosines: cosines, sines: sines)
  }
}

extension RotaryScaling {
  /// Low frequencies divided by `factor`, high ones kept, a smooth passage between.
  func rescale(_ frequency: Float) -> Float {
    let wavelength = 2 * Float.pi / frequency
    let longest = Float(originalSequenceLength) / Float(lowFrequencyFactor)
    let shortest = Float(originalSequenceLength) / Float(highFrequencyFactor)
    if wavelength < shortest { return frequency }
    if wavelength > longest { return frequency / Float(factor) }
    let smooth =
      (Float(originalSequenceLength) / wavelength - Float(lowFrequencyFactor))
      / Float(highFrequencyFactor - lowFrequencyFactor)
    return (1 - smooth) * frequency / Float(factor) + smooth * frequency
  }
}
