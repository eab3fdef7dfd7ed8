// What one rank holds of a run at one moment, its weights and its optimizer's state, copied to host memory so
// that it can be written while training goes on.
import Checkpoints
import Essentials
import Foundation
import Layers
import Sharding
import Tensors
import WeightFiles

/// Copies into the same memory at every save. Unchecked: the loop copies while nobody writes.
package final class RankSnapshot: @unchecked Sendable {
  private struct Stretch {
    var name: String
    /// This rank's, in host memory.
    var host: Tensor
  }
  private var buffers: [String: Tensor] = [:]
  private var stretches: [Stretch] = []
  /// Of whole tensors; the same on every rank.
  package private(set) var wholes: [TensorDeclaration] = []
  package private(set) var byteCount = 0

  package init() {}

  /// Copies the run as it is now.
  package func take(_ model: ShardedModel, _ optimizer: any Optimizer) {
    (stretches, wholes, byteCount) = ([], [], 0)
    for (unit, shards) in model.shards.enumerated() {
      add(shards.trained, model.units.trained[unit].map(\.name), isFrozen: false)
      add(shards.frozen, model.units.frozen[unit].map(\.name), isFrozen: true)
      for entry in SavedEntry.entries(of: optimizer, unit: unit, model) {
        for part in entry.parts {
          add(part.name, part.local.reshape(-1), whole: [part.wholeCount], isFrozen: false)
        }
      }
    }
  }

  private func add(_ shard: Shard, _ names: [String], isFrozen: Bool) {
    for ((name, piece), tensor) in zip(zip(names, shard.layout.pieces), shard.pieces) {
      add(ShardedSave.weightName(name), tensor, whole: piece.shape, isFrozen: isFrozen)
    }
  }

  /// What never changes is copied from a device once, and in host memory not at all.
  private func add(_ name: String, _ local: Tensor, whole: [Int], isFrozen: Bool) {
    wholes.append(TensorDeclaration(name, local.dtype, whole))
    guard local.count > 0 else { return }
    byteCount += local.byteCount
    if isFrozen, local.device == .cpu {
      stretches.append(Stretch(name: name, host: local))
      return
    }
    if let buffer = buffers[name], buffer.shape == local.shape, buffer.dtype == local.dtype {
      if !isFrozen { buffer.copy(from: local) }
      stretches.append(Stretch(name: name, host: buffer))
      return
    }
    let buffer = Tensor.empty(local.shape, local.dtype)
    buffer.copy(from: local)
    buffers[name] = buffer
    stretches.append(Stretch(name: name, host: buffer))
  }

  /// Writes this rank's file; it is complete and on the disk when this returns.
  /// - Throws: `TuneError` `.disk`, `.nonFinite`.
  package func write(to path: String, saveID: String) throws {
    for stretch in stretches where stretch.name.hasPrefix(ShardedSave.weightName("")) {
      guard stretch.host.sumOfSquares.isFinite else {
        throw TuneError(
          .nonFinite,
          "'\(stretch.name.dropFirst(ShardedSave.weightName("").count))' has values that are not "
            + "finite: not saved",
          remedy: "The training diverged: resume from an earlier save with a lower optimizer.lr.",
          at: .init(file: path))
      }
    }
    let writer = try SafetensorsWriter(
      to: path, stretches.map { .init($0.name, $0.host.dtype, $0.host.shape) },
      metadata: [ShardedSave.saveIDKey: saveID], isSealed: true)
    for stretch in stretches { try writer.write(stretch.host, to: stretch.name) }
    try writer.finish(usingOneThread: true)
  }
}
