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
    // Where there is no such device its part of a trace is empty, and torchtune's own files ask for it.
    if section.optionalBool("cuda") == true, root.string("device").hasPrefix("cuda") {
      return section.error(
        at: "cuda",
        "cannot be True in a trace: what an accelerator does is not timed apart from the process that "
          + "asks for it", remedy: "Set it to False, or remove it.")
    }
    for (key, reason) in refusals where section.optionalBool(key) == true {
      return section.error(
        at: key, "cannot be True in a trace: \(reason)",
        remedy: "Set it to False, or remove it.")
    }
    return nil
  }

  private static let refusals = [
    ("xpu", "there is no such device here"),
    ("profile_memory", "spans hold times and no allocations"),
    ("with_stack", "spans are named and have no Python stack"),
    ("with_flops", "operations are not counted"),
  ]
}
