// The 8-bit state: its kernel against the formula, its size, and how it is cut and put together.
import Foundation
import Sharding
import Tensors
import Testing
import Training

@Suite struct EightBitTests {
  /// Numbers of very different size, and every kind of block: dead, tiny, all negative, NaN.
  private func numbers(_ count: Int, _ blockSize: Int, seed: UInt64) -> Tensor {
    let random = RandomGenerator(seed: seed)
    let exponents = random.uniform([count], in: -14...2)
    let x = random.normal([count]) * exponents.exponents(ofBase: 10)
    func block(_ index: Int) -> Tensor { x.narrow(0, from: index * blockSize, count: blockSize) }
    block(1).fill(0)
    block(2).multiplyInPlace(1e-30)
    block(3).copy(from: -block(3).abs())
    block(4).narrow(0, from: 5, count: 1).fill(.nan)
    block(5).narrow(0, from: 5, count: 1).fill(.infinity)
    return x
  }

  @Test(arguments: [DType.float32, .bfloat16], [16, 256, 1000])
  func kernelEqualsOperations(dtype: DType, blockSize: Int) {
    let count = blockSize * 40
    let random = RandomGenerator(seed: 3)
    let fused = random.normal([count], standardDeviation: 0.02).to(dtype)
    let single = fused.clone()
    func moments() -> [QuantizedBlocks] {
      [true, false].map {
        QuantizedBlocks(
          zeros: count, .init(blockSize: blockSize, isSigned: $0), on: .cpu)
      }
    }
    let (a, b) = (moments(), moments())
    let options = AdamWOptions(beta2: 0.95, weightDecay: 0.1)
    for step in 1...4 {
      let gradient = numbers(count, blockSize, seed: UInt64(step))
      for (parameter, state, byOperations) in [(fused, a, false), (single, b, true)] {
        stepAdamW8bit(
          parameter, gradient: gradient, mean: state[0], square: state[1], options,
          learningRate: 1e-3, step: step, byOperations: byOperations)
      }
    }
    let all = { ($0 as [QuantizedBlocks]).flatMap { [$0.codes, $0.scales] } }
    // Block 4 holds a NaN and block 5 an infinity: all that matters of them is that it shows.
    for (x, y) in zip([fused] + all(a), [single] + all(b)) {
      let width = x.count / 40
      for kept in [0..<4, 6..<40] {
        let (from, length) = (kept.lowerBound * width, kept.count * width)
        #expect(
          isIdentical(
            x.narrow(0, from: from, count: length), y.narrow(0, from: from, count: length)))
      }
    }
    for broken in [4, 5] {
      #expect(!a[0].scales.narrow(0, from: broken, count: 1).item.isFinite)
      #expect(!b[0].scales.narrow(0, from: broken, count: 1).item.isFinite)
      #expect(
        !fused.narrow(0, from: broken * blockSize, count: blockSize).isFinite().allTrue())
    }
  }

  /// The nearest number of the codebook, by looking at all of them.
  @Test(arguments: [true, false])
  func codesAreTheNearest(isSigned: Bool) {
    let format = QuantizedBlocks.Format(blockSize: 4096, isSigned: isSigned)
    let random = RandomGenerator(seed: 9)
    let book = format.codebook.floats
    let midpoints = zip(book, book.dropFirst()).map { $0 + ($1 - $0) / 2 }
    let around = (book + midpoints).flatMap { [$0.nextDown, $0, $0.nextUp] }
      .filter { abs($0) <= 1 && (isSigned || $0 >= 0) }
    let small = random.uniform([2000], in: -1...1).power(7).floats
    let x = [1] + around + small.map { isSigned ? $0 : abs($0) }
    let blocks = QuantizedBlocks(Tensor(x), format)
    #expect(blocks.isConsistent && blocks.scales.floats == [1])
    for (value, code) in zip(x, blocks.codes.to(.int64).int64s) {
      let error = abs(book[Int(code)] - value)
      let least = book.map { abs($0 - value) }.min() ?? .infinity
      #expect(error <= least * (1 + 1e-5), "\(value) became \(book[Int(code)])")
    }
  }

  @Test func stateIsStoredIn8Bits() throws {
    let parameter = shard(zeros: [[64, 512], [512], [4200]], .bfloat16)
    let optimizer = AdamW(moments: .eightBits())
    optimizer.update(
      unit: 3, parameter, gradient: .ones([parameter.flat.count]), learningRate: 1e-3, step: 1)
    var bytes = 0
    for state in optimizer.state(unit: 3, like: parameter).values {
      let pieces = state.pieces(of: parameter.layout)
      for piece in pieces {
        switch piece {
        case .elements(let tensor): bytes += tensor.storageByteCount
        case .blocks(let blocks):
          #expect(blocks.codes.dtype == .uint8)
          bytes += blocks.codes.storageByteCount + blocks.scales.storageByteCount
        }
      }
      guard case .blocks = pieces[0], case .elements = pieces[1], case .elements = pieces[2] else {
        Issue.record("only the matrix has enough elements, in whole blocks")
        continue
      }
    }
    // Two moments: 8 bits an element and a scale for 256; bf16 for what is small or does not fit.
    let matrix = 64 * 512
    #expect(bytes == 2 * (matrix + matrix / 256 * 4 + (512 + 4200) * 2))
  }

  @Test func blocksAreCutExactlyOrBecomeNumbers() throws {
    let format = QuantizedBlocks.Format(blockSize: 256, isSigned: true)
    let whole = QuantizedBlocks(numbers(256 * 8, 256, seed: 1).masked(nanTo: 0), format)
    let pieces = [(0, 512), (512, 1024), (1536, 512)].map {
      OptimizerStatePiece.blocks(whole).stretch(from: $0.0, count: $0.1)
    }
    guard case .blocks(let joined) = OptimizerStatePiece.joined(pieces) else {
      Issue.record("blocks that line up are joined as numbers")
      return
    }
    #expect(joined.format == format)
    #expect(isIdentical(joined.codes, whole.codes) && isIdentical(joined.scales, whole.scales))

    let numbers = whole.dequantized()
    let across = OptimizerStatePiece.blocks(whole).stretch(from: 100, count: 300)
    guard case .elements(let elements) = across else {
      Issue.record("a stretch across blocks stays quantized")
      return
    }
    #expect(isIdentical(elements, numbers.narrow(0, from: 100, count: 300)))
    // Beyond the end lies padding.
    let last = OptimizerStatePiece.blocks(whole).stretch(from: 1792, count: 512)
    guard case .blocks(let padded) = last else {
      Issue.record("padding makes numbers of blocks")
      return
    }
    #expect(padded.isConsistent && padded.codes.count == 512)
    let values = padded.dequantized()
    #expect(
      isIdentical(values.narrow(0, from: 0, count: 256), numbers.narrow(0, from: 1792, count: 256)))
    #expect(values.narrow(0, from: 256, count: 256).abs().amax().item == 0)
    #expect(OptimizerStatePiece.blocks(whole).stretch(from: 4096, count: 256).count == 256)
  }

  @Test func formatIsNamedInFiles() {
    for isSigned in [true, false] {
      let format = QuantizedBlocks.Format(blockSize: 128, isSigned: isSigned)
      #expect(QuantizedBlocks.Format(format.description) == format)
    }
    for text in [
      "", "dynamic8-signed", "dynamic8-signed-0", "dynamic4-signed-256", "dynamic8--256",
    ] {
      #expect(QuantizedBlocks.Format(text) == nil)
    }
  }
}

extension Tensor {
  /// NaN and infinities replaced.
  fileprivate func masked(nanTo value: Double) -> Tensor {
    masked(by: isFinite().not(), with: value)
  }
}
