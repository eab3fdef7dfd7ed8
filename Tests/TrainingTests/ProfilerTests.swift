// The profiler section: which steps are traced, where the trace goes, and what stands in it.
import Configuration
import Essentials
import Foundation
import Testing

@testable import Recipes

@Suite struct ProfilerTests {
  /// torch.profiler.schedule of torch 2.13, asked for its actions.
  @Test(arguments: [
    (ProfilerSchedule(idleSteps: 2, activeSteps: 2, cycles: 1), [2, 3]),
    (ProfilerSchedule(idleSteps: 1, activeSteps: 1, cycles: 3), [1, 3, 5]),
    (ProfilerSchedule(idleSteps: 0, activeSteps: 2, cycles: 2), [0, 1, 2, 3]),
    (ProfilerSchedule(idleSteps: 3, activeSteps: 1, cycles: nil), [3, 7]),
  ])
  func cyclesRecordTheirLastSteps(schedule: ProfilerSchedule, recorded: [Int]) {
    #expect((0..<8).filter { schedule.records(after: $0) } == recorded)
  }

  @Test func everyCycleLeavesATrace() throws {
    try TrainingFolder.with { folder in
      try folder.train([
        "max_steps_per_epoch=5", "profiler._component_=torchtune.training.setup_torch_profiler",
        "profiler.enabled=True", "profiler.output_dir=\(folder.path)/traces",
        "profiler.wait_steps=1", "profiler.warmup_steps=0", "profiler.active_steps=1",
        "profiler.num_cycles=0", "profiler.cuda=True", "profiler.record_shapes=True",
      ])
      // The fifth step waits.
      let names = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/traces")
      #expect(Set(names) == ["iteration_2", "iteration_4"])
      let spans = try Self.spans(folder.path + "/traces/iteration_2/rank0_trace.json")
      let counts = Dictionary(grouping: spans, by: \.name).mapValues(\.count)
      for name in [
        "data", "embedding", "forward 0", "forward 1", "head", "backward 1", "backward 0",
        "optimizer 0", "optimizer 3", "logging",
      ] {
        #expect(counts[name] == 1, "\(name) in \(counts)")
      }
      #expect(spans.allSatisfy { $0.duration >= 0 })
      func start(_ name: String) -> Double { spans.first { $0.name == name }?.start ?? .nan }
      #expect(start("forward 0") < start("forward 1"))
      #expect(start("head") < start("backward 1"))
      let shapes = Dictionary(grouping: spans, by: \.name).compactMapValues { $0.first?.shape }
      #expect(shapes["forward 1"]?.count == 3)
      #expect(shapes["forward 1"]?.last == 128)
      #expect(shapes["forward 1"] == shapes["backward 1"])
      #expect(shapes["data"] == [])
      #expect(start("backward 1") < start("backward 0"))
    }
  }

  /// A collective has a beginning and an end on its own track; names are JSON whatever they hold.
  @Test func collectivesAreEventsOfTheirOwn() throws {
    let text = ChromeTrace.text(
      of: [
        .init("a \"quoted\"\n", on: .work, from: 5_000, to: 7_250),
        .init("all-gather 1", on: .allGather, from: 6_001, to: 9_000),
      ], rank: 3)
    let events = try #require(try JSON.parse(text)["traceEvents"]?.array)
    let timed = events.filter { $0["ph"]?.string != "M" }
    #expect(timed.map { $0["ph"]?.string } == ["X", "b", "e"])
    #expect(timed.map { $0["ts"]?.double } == [5, 6.001, 9])
    #expect(timed[0]["dur"]?.double == 2.25)
    #expect(timed[0]["name"]?.string == "a \"quoted\"\n")
    #expect(timed.allSatisfy { $0["pid"]?.integer == 3 })
    #expect(timed[1]["id"]?.integer == timed[2]["id"]?.integer)
    #expect(timed.map { $0["tid"]?.integer } == [0, 1, 1])
  }

  @Test func nothingIsKeptWhileItDoesNotRecord() {
    let timeline: Timeline? = Timeline()
    #expect(timeline.span("before") { 1 } == 1)
    timeline?.start()
    #expect(timeline.span("recorded") { 2 } == 2)
    #expect(timeline?.stop().map(\.name) == ["recorded"])
    #expect(timeline.span("after") { 3 } == 3)
    #expect(timeline?.stop() == [])
  }

  private struct Span {
    var name: String
    var start: Double
    var duration: Double
    var shape: [Int]
  }
  private static func spans(_ path: String) throws -> [Span] {
    try #require(try JSON.load(path: path)["traceEvents"]?.array).compactMap { event in
      guard event["ph"]?.string == "X" else { return nil }
      return Span(
        name: try #require(event["name"]?.string), start: try #require(event["ts"]?.double),
        duration: try #require(event["dur"]?.double),
        shape: event["args"]?["Input Dims"]?.array?.first?.array?.compactMap(\.integer) ?? [])
    }
  }
}
