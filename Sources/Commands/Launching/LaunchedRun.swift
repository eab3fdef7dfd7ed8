// What a worker knows of the run that a launcher started it for: an identity, by which what the run has saved
// is told from what was there before, and the round, after whose first one the workers resume.
package struct LaunchedRun: Sendable, Equatable {
  package static let identityVariable = "SWIFT_TUNE_RUN"
  package static let roundVariable = "SWIFT_TUNE_ROUND"

  package var id: String
  /// From 1.
  package var round: Int
  package var restarts: Int

  package init(id: String, round: Int, restarts: Int) {
    (self.id, self.round, self.restarts) = (id, round, restarts)
  }

  /// nil for a worker that no launcher of ours started.
  package init?(_ variables: [String: String]) {
    guard let id = variables[Self.identityVariable],
      let round = variables[Self.roundVariable].flatMap(Int.init)
    else { return nil }
    self.init(
      id: id, round: round,
      restarts: variables["TORCHELASTIC_RESTART_COUNT"].flatMap(Int.init) ?? 0)
  }

  func variables(maxRestarts: Int) -> [String: String] {
    [
      Self.identityVariable: id, Self.roundVariable: "\(round)",
      "TORCHELASTIC_RESTART_COUNT": "\(restarts)", "TORCHELASTIC_MAX_RESTARTS": "\(maxRestarts)",
    ]
  }

  /// Whether workers resume from what the run has saved.
  package var resumes: Bool { round > 1 }
}
