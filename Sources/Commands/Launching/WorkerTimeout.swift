// How long workers wait for one another. On one machine the launcher sees which worker stands still, so those
// that wait for it wait as long as it computes. Between machines a connection that was cut without a word can
// only be told by waiting.

package enum WorkerTimeout {
  /// Seconds.
  package static let standard = 600
  package static let longest = 7 * 24 * 3600
  static let variable = "SWIFT_TUNE_TIMEOUT"

  /// Seconds until all workers have met, and until one that does not answer is an error.
  /// - Parameter variables: of a worker's environment.
  package static func seconds(_ variables: [String: String], _ worker: WorkerEnvironment) -> (
    rendezvous: Int, collectives: Int
  ) {
    guard let timeout = variables[variable].flatMap(Int.init), (1...longest).contains(timeout)
    else {
      return (300, 1800)  // torchrun's
    }
    let isOneMachine = worker.localWorldSize == worker.worldSize
    return (min(timeout, 300), isOneMachine ? longest : min(3 * timeout, longest))
  }
}
