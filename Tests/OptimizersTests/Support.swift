// What the optimizer tests share: fixtures, shards made of plain tensors, exact comparison.
import Foundation
import Sharding
import Tensors
import Testing
import Training

/// A fixture of tensors: just enough of safetensors for files that we made.
struct Fixture {
  private let bytes: Data
  private let header: [String: Entry]
  private struct Entry: Decodable {
    var dtype: String
    var shape: [Int]
    var offsets: [Int]
    enum CodingKeys: String, CodingKey {
      case dtype, shape
      case offsets = "data_offsets"
    }
  }

  init(_ name: String) throws {
    bytes = try Data(contentsOf: Fixture.url(name))
    let length = Int(bytes.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) })
    header = try JSONDecoder().decode([String: Entry].self, from: bytes[8..<8 + length])
      .filter { $0.key != "__metadata__" }
    start = 8 + length
  }
  private let start: Int

  static func url(_ name: String) throws -> URL {
    try #require(Bundle.module.resourceURL).appendingPathComponent("Fixtures/" + name)
  }
  func contains(_ name: String) -> Bool { header[name] != nil }
  /// A copy of its own.
  func callAsFunction(_ name: String) throws -> Tensor {
    let entry = try #require(header[name], "\(name)")
    let dtypes: [String: DType] = ["F32": .float32, "BF16": .bfloat16, "U8": .uint8]
    let tensor = Tensor.empty(entry.shape, try #require(dtypes[entry.dtype]))
    let range = start + entry.offsets[0]..<start + entry.offsets[1]
    tensor.withMutableBytes { into in bytes[range].withUnsafeBytes { into.copyMemory(from: $0) } }
    return tensor
  }
}

/// All of `parameters` on one rank of one.
func shard(_ parameters: [Tensor]) -> Shard {
  let layout = ShardLayout(parameters.map(\.shape), worldSize: 1)
  return Shard(layout: layout, rank: 0, flat: .cat(parameters.map { $0.reshape(-1) }, along: 0))
}
func shard(zeros shapes: [[Int]], _ dtype: DType, worldSize: Int = 1, rank: Int = 0) -> Shard {
  let layout = ShardLayout(shapes, worldSize: worldSize)
  return Shard(layout: layout, rank: rank, flat: .zeros([layout.count], dtype))
}

/// Equal to the last bit: two zeros of different sign are not.
func isIdentical(_ a: Tensor, _ b: Tensor) -> Bool {
  guard a.shape == b.shape, a.dtype == b.dtype else { return false }
  return a.contiguous().withBytes { x in b.contiguous().withBytes { y in x.elementsEqual(y) } }
}

/// The elements of a state, whatever its kind.
func elements(_ state: OptimizerState?, _ layout: ShardLayout) throws -> Tensor {
  .cat(try #require(state).pieces(of: layout).map { $0.elements.to(.float32) }, along: 0)
}

extension [String: OptimizerState] {
  /// As if it had been saved and read back.
  func copied() -> [String: OptimizerState] {
    mapValues { state in
      switch state {
      case .elements(let tensor): .elements(tensor.clone())
      case .pieces(let pieces):
        .pieces(
          pieces.map { piece in
            switch piece {
            case .elements(let tensor): .elements(tensor.clone())
            case .blocks(let blocks):
              .blocks(
                QuantizedBlocks(
                  blocks.format, codes: blocks.codes.clone(), scales: blocks.scales.clone()))
            }
          })
      }
    }
  }
}
