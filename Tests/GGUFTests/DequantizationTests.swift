// Weights of every type equal those of the `gguf` package, bit for bit, on blocks of random bytes
// (Fixtures/make_blocks.py), and half precision is that of the processor.
import Foundation
import Testing

@testable import GGUF

@Suite struct DequantizationTests {
  @Test(arguments: ElementType.allCases.filter { $0 != .f32 && $0 != .q20 })
  func weightsAreThoseOfThePackage(_ type: ElementType) throws {
    let model = try GGUFModel(path: Files.fixture("blocks.gguf"))
    let weights = try Files.weights(model, type.name)
    let expected = try Files.weights(model, type.name + ".expected")
    try #require(weights.count == expected.count && weights.count >= 2048)
    #expect(expected.contains { $0.isFinite && $0 != 0 })
    for (place, (weight, expected)) in zip(weights, expected).enumerated() {
      let isSame = weight.bitPattern == expected.bitPattern || weight.isNaN && expected.isNaN
      #expect(isSame, "\(type.name) \(place): \(weight), expected \(expected)")
      if !isSame { return }
    }
  }

  @Test func everyHalfReadsExactly() {
    for bits in UInt16.min...UInt16.max {
      let (mine, own) = (HalfPrecision.float(fromHalf: bits), Float(Float16(bitPattern: bits)))
      #expect(mine.bitPattern == own.bitPattern || mine.isNaN && own.isNaN, "\(bits)")
    }
  }

  @Test func roundingIsToNearestEven() {
    // All halves, their neighbours in float32, the points between two halves, and random numbers.
    var generator = SplitMix(state: 3)
    var values: [Float] = [0, -0, .infinity, 65519.996, 65520, 1e30, .leastNonzeroMagnitude]
    for bits in UInt16.min...UInt16.max {
      let half = HalfPrecision.float(fromHalf: bits)
      guard half.isFinite else { continue }
      let next = HalfPrecision.float(fromHalf: bits &+ 1)
      values += [half, half.nextUp, half.nextDown]
      if next.isFinite { values += [(half + next) / 2, ((half + next) / 2).nextUp] }
    }
    for _ in 0..<100_000 {
      values.append(Float(bitPattern: UInt32(truncatingIfNeeded: generator.next())))
    }
    for value in values {
      let (mine, own) = (HalfPrecision.half(value), Float16(value))
      #expect(mine == own.bitPattern || value.isNaN && own.isNaN, "\(value)")
      if !value.isNaN {
        let brain = HalfPrecision.float(fromBFloat: HalfPrecision.bfloat(value))
        let lower = Float(bitPattern: value.bitPattern & 0xFFFF_0000)
        let upper = Float(bitPattern: (value.bitPattern & 0xFFFF_0000) &+ 0x1_0000)
        let (below, above) = (
          abs(Double(value) - Double(lower)), abs(Double(upper) - Double(value))
        )
        let isEven = lower.bitPattern & 0x1_0000 == 0
        let nearest = below < above || below == above && isEven ? lower : upper
        if lower.isFinite, upper.isFinite { #expect(brain == nearest, "\(value)") }
      }
    }
  }
}

/// The same numbers for one seed.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }
}
