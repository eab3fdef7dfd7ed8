// What a worker sets up first thing for the launcher that started it; without a launcher, nothing.
import Essentials

package enum WorkerChannels {
  package static func open(_ variables: [String: String]) {
    Lifeline.watch(variables)
    if let path = variables[HangWatch.variable] { WaitingFlag.share(in: path) }
    if let path = variables[WorkerErrorFile.variable], !path.isEmpty {
      MappedFaults.report(toFile: path)
    }
  }

  /// Whether a launcher started this process, and ends it.
  package static func areOpen(_ variables: [String: String]) -> Bool {
    variables[Lifeline.variable] != nil
  }
}
