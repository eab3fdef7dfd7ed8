// A file of another naming, seen under Hugging Face's names; and Meta's shards, each of which holds a
// part of every weight, seen as one file.
import Essentials
import Layers
import Tensors
import WeightFiles

final class RenamedWeights: WeightFile {
  package let names: [String]
  private let file: any WeightFile
  private let own: [String: String]

  init(_ file: any WeightFile, _ naming: CheckpointNaming) {
    self.file = file
    names = file.names.map(naming.huggingFaceName)
    own = Dictionary(zip(names, file.names), uniquingKeysWith: { first, _ in first })
  }

  package var path: String { file.path }
  package var metadata: [String: String] { file.metadata }
  package var byteCount: Int { file.byteCount }
  package func claim(of name: String) -> WeightClaim? { own[name].flatMap(file.claim) }
  package func tensor(named name: String) throws -> Tensor {
    try file.tensor(named: own[name] ?? name)
  }
  package func rows(_ rows: Range<Int>, of name: String) throws -> Tensor {
    try file.rows(rows, of: own[name] ?? name)
  }
  package func releasePages() { file.releasePages() }
}

/// `consolidated.00.pth`, `consolidated.01.pth`, ...: a model cut for as many devices.
final class JoinedShards: WeightFile {
  private enum Cut {
    case rows, columns, whole
    var axis: Int? {
      switch self {
      case .rows: 0
      case .columns: 1
      case .whole: nil
      }
    }
  }
  private let shards: [any WeightFile]
  private let cuts: [String: Cut]
  private let claims: [String: WeightClaim]

  package var path: String { shards[0].path }
  package var names: [String] { shards[0].names }
  package var metadata: [String: String] { [:] }
  package var byteCount: Int { shards.reduce(0) { $0 + $1.byteCount } }
  package func releasePages() { for shard in shards { shard.releasePages() } }

  /// - Parameter shards: at least one, in the order of their numbers, under Hugging Face's names.
  /// - Throws: `TuneError` `.checkpointMismatch` when they are not parts of one model.
  init(_ shards: [any WeightFile]) throws {
    self.shards = shards
    let width = shards[0].claim(of: "model.norm.weight")?.shape.first
    var (cuts, claims) = ([String: Cut](), [String: WeightClaim]())
    for name in shards[0].names {
      guard let first = shards[0].claim(of: name) else { continue }
      let cut = Self.cut(name, first, width: width)
      var whole = first
      for shard in shards.dropFirst() {
        guard let part = shard.claim(of: name), part.type == first.type,
          part.shape.count == first.shape.count,
          Self.agree(part.shape, first.shape, but: cut)
        else {
          throw TuneError(
            .checkpointMismatch, "tensor '\(name)' does not fit its part in \(shards[0].path)",
            remedy: "Name the files of one checkpoint, all of them.", at: .init(file: shard.path))
        }
        guard let axis = cut.axis else { continue }
        let (sum, overflows) = whole.shape[axis].addingReportingOverflow(part.shape[axis])
        guard !overflows else {
          throw TuneError(
            .malformedFile, "the shape \(part.shape) of tensor '\(name)' is too large",
            at: .init(file: shard.path))
        }
        whole.shape[axis] = sum
      }
      (cuts[name], claims[name]) = (cut, whole)
    }
    (self.cuts, self.claims) = (cuts, claims)
  }

  /// Outputs are cut by rows; layers that take what these give, by columns. The embedding is cut by
  /// columns in Llama 1 and 2 and by rows, that is by tokens, in Llama 3.
  private static func cut(_ name: String, _ claim: WeightClaim, width: Int?) -> Cut {
    guard claim.shape.count == 2 else { return .whole }
    if name == "model.embed_tokens.weight" { return claim.shape[1] == width ? .rows : .columns }
    let columns = ["self_attn.o_proj.weight", "mlp.down_proj.weight"]
    return columns.contains(where: name.hasSuffix) ? .columns : .rows
  }
  private static func agree(_ a: [Int], _ b: [Int], but cut: Cut) -> Bool {
    switch cut {
    case .rows: a.dropFirst() == b.dropFirst()
    case .columns: a[0] == b[0]
    case .whole: a == b
    }
  }

  package func claim(of name: String) -> WeightClaim? { claims[name] }

  package func tensor(named name: String) throws -> Tensor {
    guard let claim = claims[name], cuts[name] != Cut.whole, let count = claim.shape.first else {
      return try shards[0].tensor(named: name)
    }
    return try rows(0..<count, of: name)
  }

  package func rows(_ rows: Range<Int>, of name: String) throws -> Tensor {
    switch cuts[name] {
    case .rows: return try rowsOfEach(rows, name)
    case .columns: return .cat(try shards.map { try $0.rows(rows, of: name) }, along: 1)
    default: return try shards[0].rows(rows, of: name)
    }
  }

  private func rowsOfEach(_ rows: Range<Int>, _ name: String) throws -> Tensor {
    var (start, parts) = (0, [Tensor]())
    for shard in shards {
      let end = start + (shard.claim(of: name)?.shape.first ?? 0)
      let wanted = rows.clamped(to: start..<end)
      if !wanted.isEmpty {
        let own = wanted.lowerBound - start..<wanted.upperBound - start
        parts.append(try shard.rows(own, of: name))
      }
      start = end
    }
    guard !parts.isEmpty, rows.upperBound <= start else {
      return try shards[0].rows(rows, of: name)
    }
    return parts.count == 1 ? parts[0] : .cat(parts, along: 0)
  }
}
