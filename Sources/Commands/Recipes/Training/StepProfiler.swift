// The `profiler` section: which steps are traced and where the trace goes. As torch's schedule has
// it, a cycle is steps that wait, steps that warm up and steps that are recorded; after the last of
// them, or at the end of the run, each rank writes `iteration_N/rankR_trace.json`, N being the steps
// done. Warming up is waiting here: recording needs no warmth.
import Catalog
import Configuration
import Essentials
import Foundation
import Sharding

struct ProfilerSchedule: Equatable {
  var idleSteps: Int
  var activeSteps: Int
  /// Nil: to the end of the run.
  var cycles: Int?

  /// Whether the step after `done` steps is recorded.
  func records(after done: Int) -> Bool {
    let length = idleSteps + activeSteps
    if let cycles, done / length >= cycles { return false }
    return done % length >= idleSteps
  }
}

final class StepProfiler {
  let timeline: Timeline
  private let schedule: ProfilerSchedule
  private let folder: String
  private let section: Section
  private let rank: Int
  private let log: RecipeLog
  private var done = 0

  /// Nil where the section is missing or off.
  init?(_ root: Section, rank: Int, log: RecipeLog) {
    guard let section = root[Keys.profiler], section[Keys.Profiler.isEnabled] else {
      return nil
    }
    // True is torchtune's default.
    timeline = Timeline(recordsShapes: section[Keys.Profiler.recordsShapes] ?? true)
    let cycles = section[Keys.Profiler.cycles] ?? 1
    schedule = ProfilerSchedule(
      idleSteps: (section[Keys.Profiler.waitSteps] ?? 5)
        + (section[Keys.Profiler.warmupSteps] ?? 5),
      activeSteps: section[Keys.Profiler.activeSteps] ?? 2, cycles: cycles == 0 ? nil : cycles)
    folder = section[Keys.Profiler.folder] ?? "profiler_output"
    self.section = section
    self.rank = rank
    self.log = log
    if schedule.records(after: 0) { timeline.start() }
  }

  /// Finds out that there is a place for traces.
  func prepare() throws {
    try prepareFolder(folder, section, Keys.Profiler.folder)
  }

  /// After each step of the optimizer and what is logged of it.
  func stepped() throws {
    done += 1
    let next = schedule.records(after: done)
    if timeline.isRecording, !next { try write() }
    if next, !timeline.isRecording { timeline.start() }
  }
  /// At the end of the run: a cycle that it cut short is written, too.
  func finish() throws {
    if timeline.isRecording { try write() }
  }

  private func write() throws {
    let spans = timeline.stop()
    // A step that has only begun leaves nothing worth a file.
    guard !spans.isEmpty else { return }
    let folder = "\(folder)/iteration_\(done)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let path = "\(folder)/rank\(rank)_trace.json"
    try AtomicFile.write(Data(ChromeTrace.text(of: spans, rank: rank).utf8), to: path)
    log.info("The trace of \(spans.count) spans is \(path)")
  }
}
