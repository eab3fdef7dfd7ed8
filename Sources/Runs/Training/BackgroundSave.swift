// A save under way: every rank writes its file from a thread of its own while training goes on. When all have,
// rank 0 writes the manifest and gives the folder its name; a kill at any moment before leaves only a leftover,
// which the next run removes.
import Checkpoints
import Essentials
import Foundation
import Sharding
import Synchronization
import Tensors
import WeightFiles

package final class BackgroundSave {
  /// The folder's final path.
  package let path: String
  package let state: RunState
  package let group: ProcessGroup
  private let partial: String
  private let saveID: String
  private let wholes: [TensorDeclaration]
  private let writing: Writing

  private final class Writing: Sendable {
    let done = DispatchSemaphore(value: 0)
    let failure = Mutex<TuneError?>(nil)
    let isDone = Mutex(false)
  }

  /// Every rank must make it, at the same step. The snapshot must stay as it is until the save has ended.
  /// - Parameter path: of the folder that becomes the save.
  package init(
    to path: String, _ snapshot: RankSnapshot, _ state: RunState, _ group: ProcessGroup
  ) throws {
    (self.path, self.state, self.group) = (path, state, group)
    // The name of the leftover tells which process may remove it: rank 0's.
    let number = try group.sums([group.rank == 0 ? Double(getpid()) : 0])[0]
    partial = path + ".partial-\(Int(number))"
    saveID = "\(Int(number)) \(state.progress.step)"
    wholes = snapshot.wholes
    if group.rank == 0 {
      PartialPath.removeAbandoned(for: path)
      try? FileManager.default.removeItem(atPath: partial)
      try PartialPath.makeFolder(partial)
    }
    try group.barrier()
    try PartialPath.makeFolder(partial)
    let writing = Writing()
    self.writing = writing
    let file = partial + "/" + ShardedSave.shardName(group.rank, of: group.worldSize)
    let saveID = saveID
    let thread = Thread {
      Self.yieldToTraining()
      do {
        try snapshot.write(to: file, saveID: saveID)
      } catch let error as TuneError {
        writing.failure.withLock { $0 = error }
      } catch {
        writing.failure.withLock { $0 = diskError(file, "cannot write the file", error) }
      }
      writing.isDone.withLock { $0 = true }
      writing.done.signal()
    }
    thread.stackSize = 4 << 20
    thread.start()
  }

  /// The thread takes the time of processors that nobody else wants.
  private static func yieldToTraining() {
    #if os(Linux)
      // Of this thread only, and of those that it starts.
      setpriority(Int32(PRIO_PROCESS.rawValue), 0, 19)
    #else
      Thread.current.qualityOfService = .background
    #endif
  }

  /// Every rank must call it, at the same step.
  /// - Parameter waits: for the slowest rank.
  /// - Returns: whether the save is complete; where it `waits`, it is.
  /// - Throws: `TuneError` on every rank when one could not write; that rank's names the file.
  package func advance(waits: Bool) throws -> Bool {
    if waits {
      writing.done.wait()
      writing.done.signal()
    }
    // In this order: the thread notes its failure first.
    let isDone = writing.isDone.withLock(\.self)
    let failure = writing.failure.withLock(\.self)
    let sums = try group.sums([failure == nil ? 0 : 1, isDone ? 1 : 0])
    if sums[0] > 0 {
      discard()
      throw failure.map(named) ?? consequence("write its file of \(path)")
    }
    guard Int(sums[1]) == group.worldSize else { return false }
    var own: TuneError?
    if group.rank == 0 {
      do { try commit() } catch let error as TuneError { own = named(error) }
    }
    guard try group.sums([own == nil ? 0 : 1])[0] == 0 else {
      discard()
      throw own ?? consequence("complete \(path)")
    }
    return true
  }

  private func commit() throws {
    try ShardedSave.writeManifest(
      in: partial, fileCount: group.worldSize, saveID: saveID, wholes, metadata: state.metadata)
    PartialPath.syncFolder(containing: partial + "/any")
    try PartialPath.move(partial, to: path)
    // Where a folder was there before, it has now the other name.
    try? FileManager.default.removeItem(atPath: partial)
  }

  /// Of no use any more; a rank that still writes has its file open.
  private func discard() {
    if group.rank == 0 { try? FileManager.default.removeItem(atPath: partial) }
  }

  /// By the name that the file was to get.
  private func named(_ error: TuneError) -> TuneError {
    var error = error
    error.location.file = error.location.file?.replacingOccurrences(of: partial, with: path)
    return error
  }

  private func consequence(_ what: String) -> TuneError {
    TuneError(
      .worker, "another rank could not \(what)", remedy: "Its own error says why.",
      at: .init(rank: group.rank))
  }
}
