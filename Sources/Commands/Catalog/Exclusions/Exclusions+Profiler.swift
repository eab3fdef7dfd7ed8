// What the profiler cannot do is refused while it is on, instead of left out of the trace in silence.
// Off, as in torchtune's own configurations, the settings are only kept.
import Configuration
import Essentials

extension Exclusions {
  static let profiler = Exclusion("the profiler traces spans of the program's own") { root in
    guard let section = root[Keys.profiler], section[Keys.Profiler.isEnabled] else {
      return nil
    }
    if !section[Keys.Profiler.cpu] {
      return section.error(
        at: Keys.Profiler.cpu, "must be True: the trace consists of this process's spans",
        remedy: "Set it to True, or enabled to False.")
    }
    // Where there is no such device its part of a trace is empty, and torchtune's own files ask for it.
    if section[Keys.Profiler.cuda] == true, root[Keys.device].hasPrefix("cuda") {
      return section.error(
        at: Keys.Profiler.cuda,
        "cannot be True in a trace: what an accelerator does is not timed apart from the process that "
          + "asks for it", remedy: "Set it to False, or remove it.")
    }
    for (key, isOn, reason) in refusals where isOn(section) {
      return section.error(
        at: key, "cannot be True in a trace: \(reason)",
        remedy: "Set it to False, or remove it.")
    }
    return nil
  }

  private static let refusals: [(key: String, isOn: @Sendable (Section) -> Bool, reason: String)] =
    [
      (
        Keys.Profiler.xpu.name, { $0[Keys.Profiler.xpu] == true }, "there is no such device here"
      ),
      (
        Keys.Profiler.profilesMemory.name, { $0[Keys.Profiler.profilesMemory] },
        "spans hold times and no allocations"
      ),
      (
        Keys.Profiler.withStack.name, { $0[Keys.Profiler.withStack] },
        "spans are named and have no Python stack"
      ),
      (
        Keys.Profiler.withFLOPs.name, { $0[Keys.Profiler.withFLOPs] },
        "operations are not counted"
      ),
    ]
}
