// What a process did when: named spans on a few tracks, kept while they are recorded and written as a
// Chrome trace, which Perfetto and chrome://tracing show. Code that may be traced holds a `Timeline?`;
// without one, or while it does not record, a span costs a test.
import Dispatch
import Foundation
import Synchronization

package final class Timeline: Sendable {
  /// Spans of one track nest; collectives overlap each other, and each has a bar of its own.
  package enum Track: Int, Sendable, CaseIterable {
    case work = 0
    case allGather = 1
    case reduceScatter = 2
    case otherCollectives = 3

    var title: String {
      switch self {
      case .work: "work"
      case .allGather: "all-gather"
      case .reduceScatter: "reduce-scatter"
      case .otherCollectives: "other collectives"
      }
    }
  }
  package struct Span: Sendable, Equatable {
    package var name: String
    package var track: Track
    /// Nanoseconds of the monotonic clock.
    package var start: UInt64
    package var end: UInt64
    /// The dimensions of what it worked on; empty where it has no one shape, or none is recorded.
    package var shape: [Int]

    package init(
      _ name: String, on track: Track, from start: UInt64, to end: UInt64, shape: [Int] = []
    ) {
      self.name = name
      self.shape = shape
      self.track = track
      self.start = start
      self.end = end
    }
  }

  private let recording = Atomic<Bool>(false)
  private let spans = Mutex<[Span]>([])

  private let recordsShapes: Bool

  package init(recordsShapes: Bool = false) { self.recordsShapes = recordsShapes }

  /// Nanoseconds of the clock that spans are measured with.
  package static var now: UInt64 { DispatchTime.now().uptimeNanoseconds }

  package var isRecording: Bool { recording.load(ordering: .relaxed) }
  package func start() { recording.store(true, ordering: .relaxed) }
  /// Ends the recording and hands over its spans.
  package func stop() -> [Span] {
    recording.store(false, ordering: .relaxed)
    return spans.withLock { spans in
      defer { spans = [] }
      return spans
    }
  }
  package func add(_ span: Span) {
    guard isRecording else { return }
    var span = span
    if !recordsShapes { span.shape = [] }
    spans.withLock { $0.append(span) }
  }
}

extension Timeline? {
  /// Runs `body`, as a span of the work when it is recorded. A body that throws leaves no span.
  package func span<R>(
    _ name: @autoclosure () -> String, of shape: @autoclosure () -> [Int] = [],
    _ body: () throws -> R
  ) rethrows -> R {
    guard let self, self.isRecording else { return try body() }
    let shape = shape()
    let start = Timeline.now
    let result = try body()
    self.add(Timeline.Span(name(), on: .work, from: start, to: Timeline.now, shape: shape))
    return result
  }
}

/// The trace event format: complete events ("X") for work, which nests, and pairs of begin and end
/// ("b", "e") for collectives, which overlap. Times are microseconds.
package enum ChromeTrace {
  package static func text(of spans: [Timeline.Span], rank: Int) -> String {
    var events = [
      #"{"ph":"M","name":"process_name","pid":\#(rank),"tid":0,"args":{"name":"rank \#(rank)"}}"#
    ]
    for track in Timeline.Track.allCases {
      events.append(
        #"{"ph":"M","name":"thread_name","pid":\#(rank),"tid":\#(track.rawValue),"#
          + #""args":{"name":"\#(track.title)"}}"#)
    }
    for (index, span) in spans.enumerated() {
      let place =
        #""name":\#(quoted(span.name)),"cat":"\#(span.track.title)","pid":\#(rank),"#
        + #""tid":\#(span.track.rawValue)"#
      let (start, end) = (microseconds(span.start), microseconds(max(span.start, span.end)))
      if span.track == .work {
        let duration = microseconds(max(span.start, span.end) - span.start)
        // Named as in torch's traces.
        let shape = span.shape.isEmpty ? "" : #","args":{"Input Dims":[\#(span.shape)]}"#
        events.append(#"{"ph":"X",\#(place),"ts":\#(start),"dur":\#(duration)\#(shape)}"#)
      } else {
        events.append(#"{"ph":"b",\#(place),"id":\#(index),"ts":\#(start)}"#)
        events.append(#"{"ph":"e",\#(place),"id":\#(index),"ts":\#(end)}"#)
      }
    }
    return #"{"displayTimeUnit":"ms","traceEvents":["#
      + "\n" + events.joined(separator: ",\n") + "\n]}\n"
  }

  private static func microseconds(_ nanoseconds: UInt64) -> String {
    let fraction = String(nanoseconds % 1000)
    return "\(nanoseconds / 1000)." + String(repeating: "0", count: 3 - fraction.count) + fraction
  }
  private static func quoted(_ name: String) -> String { JSON.string(name).text() }
}
