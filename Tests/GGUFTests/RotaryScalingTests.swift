// Llama 3's four numbers are recovered from the factors that the converter wrote.
import Essentials
import Foundation
import Testing

@testable import GGUF

@Suite struct RotaryScalingTests {
  @Test(arguments: [
    (8.0, 1.0, 4.0, 8192), (32.0, 1.0, 4.0, 8192), (16.0, 1.0, 4.0, 4096), (4.0, 1.0, 8.0, 10_000),
    (8.0, 2.0, 8.0, 8192), (2.5, 1.0, 3.0, 20_000),
  ])
  func numbersAreRecovered(_ factor: Double, _ low: Double, _ high: Double, _ original: Int) throws
  {
    let (size, file) = try Self.geometry(headWidth: 128, base: 500_000)
    let frequencies = (0..<64).map { pow(500_000.0, -Double($0) / 64) }
    let factors = RotaryScaling.llama3Factors(frequencies, factor, low, high, Double(original))
      .map { Float($0) }
    let json = try RotaryScaling.llama3(factors, size, file)
    #expect(json["rope_type"] == "llama3" && json["factor"]?.double == factor)
    // Only ratios to the low factor show in the factors.
    #expect(json["low_freq_factor"]?.double == 1 && json["high_freq_factor"]?.double == high / low)
    #expect(json["original_max_position_embeddings"]?.integer == Int(Double(original) / low))
  }

  @Test func otherFactorsAreRefused() throws {
    let (size, file) = try Self.geometry(headWidth: 128, base: 500_000)
    let ones = [Float](repeating: 1, count: 64)
    #expect(try RotaryScaling.llama3(ones, size, file) == .null)
    for change in [63, 32, 0] {
      var factors = ones
      factors[change] = 3
      #expect(throws: TuneError.self) { try RotaryScaling.llama3(factors, size, file) }
    }
    let frequencies = (0..<64).map { pow(500_000.0, -Double($0) / 64) }
    var factors = RotaryScaling.llama3Factors(frequencies, 8, 1, 4, 8192).map { Float($0) }
    factors[35] *= 1.00002
    #expect(throws: TuneError.self) { try RotaryScaling.llama3(factors, size, file) }
  }

  private static func geometry(headWidth: Int, base: Float) throws -> (Geometry, GGUFFile) {
    var writer = FileWriter.llama()
    writer.set("llama.attention.key_length", UInt32(headWidth))
    writer.set("llama.rope.freq_base", base)
    return try Files.inFolder { folder in
      try writer.write(to: folder + "/m.gguf")
      let model = try GGUFModel(path: folder + "/m.gguf")
      return (try Geometry(model, .llama), model.file)
    }
  }
}
