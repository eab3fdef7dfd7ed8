// Codes and scales as ggml's blocks: an f16 scale d, then the codes of 32 or 64 weights.
//
//   Q4_0  d, qs[16]: byte j is (code[j] + 8) | (code[j + 16] + 8) << 4; value d (q - 8)
//   Q8_0  d, qs[32]: int8; value d q
//   Q2_0  d, qs[16]: weight j is bits 2 (j % 4) of byte j / 4; value d (q - 1)
//
// Shapes: `N` outputs, `K` inputs, `B` blocks of a row.
import GGUF
import Tensors

enum GGMLBlocks {
  /// - Parameters:
  ///   - codes: int8 [N, K]
  ///   - scales: f16 [N, B]
  /// - Returns: uint8 [N, B * bytes of a block]
  static func bytes(_ codes: Tensor, _ scales: Tensor, _ type: ElementType) -> Tensor {
    let (rows, columns) = (codes.shape[0], codes.shape[1])
    let blocks = columns / type.blockSize
    let packed: Tensor
    var d = scales
    switch type {
    case .q40:
      let pairs = codes.reshape(rows, blocks, 2, 16).transpose(2, 3).contiguous()
      packed = pairs.reshape(rows, columns).packedCodes(bits: 4)
    case .q80: packed = codes.contiguous().viewed(as: .uint8)
    case .q20:
      // Codes -2...1 times d are codes -1...2 times -d.
      d = -scales
      packed = ((-codes) - 1).to(.int8).packedCodes(bits: 2)
    default: preconditionFailure("\(type.name) is not written")
    }
    let head = d.contiguous().viewed(as: .uint8).reshape(rows, blocks, 2)
    let body = packed.reshape(rows, blocks, type.blockByteCount - 2)
    return Tensor.cat([head, body], along: 2).reshape(rows, blocks * type.blockByteCount)
  }

  /// The inverse of `bytes`: int8 [N, K] and fp32 [N, B].
  static func codes(_ bytes: Tensor, _ type: ElementType) -> (codes: Tensor, scales: Tensor) {
    let rows = bytes.shape[0]
    let blocks = bytes.shape[1] / type.blockByteCount
    let columns = blocks * type.blockSize
    let all = bytes.reshape(rows, blocks, type.blockByteCount)
    let d = all.narrow(2, from: 0, count: 2).contiguous().viewed(as: .float16).squeeze(-1)
      .to(.float32)
    let body = all.narrow(2, from: 2, count: type.blockByteCount - 2).contiguous()
    switch type {
    case .q40:
      let codes = body.reshape(rows, blocks * 16).unpackedCodes(bits: 4, columns: columns)
      let halves = codes.reshape(rows, blocks, 16, 2).transpose(2, 3).contiguous()
      return (halves.reshape(rows, columns), d)
    case .q80: return (body.viewed(as: .int8).reshape(rows, columns), d)
    case .q20:
      let codes = body.reshape(rows, blocks * 16).unpackedCodes(bits: 2, columns: columns)
      return (((-codes) - 1).to(.int8), -d)
    default: preconditionFailure("\(type.name) has no codes here")
    }
  }
}

extension Tensor {
  /// Scales [N, G] for groups of which each is `count` blocks: [N, G * count].
  func repeatedScales(_ count: Int) -> Tensor {
    guard count > 1 else { return self }
    return unsqueeze(-1).expand(shape[0], shape[1], count).reshape(shape[0], shape[1] * count)
  }
}
