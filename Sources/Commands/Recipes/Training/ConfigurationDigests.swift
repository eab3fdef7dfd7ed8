// Configurations compared by digests of their values, which may be secrets: a resumed run's with the saved
// run's.
import Catalog
import Checkpoints
import Essentials
import WeightFiles

extension ValidatedConfiguration {
  /// Digests of all values, by dotted key.
  /// - Parameter keepingReferences: leaves out values of the environment, as what is written must.
  func valueDigests(keepingReferences: Bool = false) -> [String: String] {
    values(keepingReferences: keepingReferences).mapValues {
      String(FileDigest.of($0.utf8).prefix(32))
    }
  }
}

/// Keys that say where a run writes and what it prints, which may differ.
private let placesAndReports = [
  "output_dir", "checkpointer.output_dir", "checkpointer.recipe_checkpoint",
  "checkpointer.keep_last_n_checkpoints", "resume_from_checkpoint", "log_level",
  "log_every_n_steps", "log_peak_memory_stats", "save_every_n_steps", "save_on_interrupt",
  "enable_async_checkpointing",
]
func isPlaceOrReport(_ key: String) -> Bool {
  placesAndReports.contains(key)
    || ["metric_logger.", "profiler."].contains(where: key.hasPrefix)
}

/// The keys whose values are not the same, in their order.
func differingKeys(_ a: [String: String], _ b: [String: String]) -> [String] {
  Set(a.keys).union(b.keys).filter { a[$0] != b[$0] && !isPlaceOrReport($0) }.sorted()
}

func warnOfChanges(since saved: [String: String], to now: [String: String], _ log: RecipeLog) {
  let keys = differingKeys(saved, now)
  guard !keys.isEmpty else { return }
  let more = keys.count > 8 ? " and \(keys.count - 8) more" : ""
  log.warning(
    "the saved run had other values of " + keys.prefix(8).joined(separator: ", ") + more
      + ": what follows is not what it would have done")
}
