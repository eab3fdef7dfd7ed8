// What the profiler cannot do is refused while it is on, instead of left out of the trace in silence.
// Off, as in torchtune's own configurations, the settings are only kept.
import Essentials

extension Exclusions {
  static let profiler = Exclusion("the profiler traces spans of the program's own") { root in
    guard let section = root.optionalSection("profiler"), section.bool("enabled") else {
      return nil
    }
    if !section.bool("cpu") {
      return section.error(
        at: "cpu", "must be True: the trace consists of this process's spans",
        remedy: "Set it to True, or enabled to False.")
    }
    for (key, reason) in refusals where section.optionalBool(key) == true {
      return section.error(
        at: key, "cannot be True in a trace: \(reason)",
        remedy: "Set it to False, or remove it.")
    }
    return nil
  }

  private static let refusals = [
    ("cuda", "what an accelerator does is not timed apart from the process that asks for it"),
    ("xpu", "there is no such device here"),
    ("profile_memory", "spans hold times and no allocations"),
    ("with_stack", "spans are named and have no Python stack"),
    ("record_shapes", "spans stand for blocks, which have no one shape"),
    ("with_flops", "operations are not counted"),
  ]
}
