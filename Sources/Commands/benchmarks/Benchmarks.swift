// Measures, on this machine, what is worth knowing before anything is made faster: the bridge, the
// fake-quantize passes, linear layers and their products, whole training steps, answering, the
// tokenizer, the start of a command. It prints one table each.
//
//   benchmarks [SECTION ...] [--cpu-time] [--python PYTHON --peer SCRIPT]
//              [--llama-python PYTHON --llama SCRIPT]
//
// What is compared runs in turns in the same minute, and medians are printed, because other work on
// the machine disturbs single timings. Nothing here is a test: no number makes it fail.
import CTorch
import Essentials
import Foundation
import Tensors

@main
enum Benchmarks {
  static func main() {
    signal(SIGPIPE, SIG_IGN)
    Devices.configureProcess()
    do {
      var arguments = Array(CommandLine.arguments.dropFirst())
      if arguments.first == TrainingWorker.command {
        return try TrainingWorker.run(Array(arguments.dropFirst()))
      }
      let python = try option("--python", in: &arguments)
      let script = try option("--peer", in: &arguments)
      let llamaPython = try option("--llama-python", in: &arguments)
      let llamaScript = try option("--llama", in: &arguments)
      arguments.removeAll { $0 == Clock.cpuTimeOption }
      let sections = try sections(arguments)
      try run(
        sections, peer: peer(python: python, script: script),
        llama: sections.contains(.decoding) ? peer(python: llamaPython, script: llamaScript) : nil)
    } catch {
      StandardStreams.error("error: \(error)\n")
      exit((error as? TuneError)?.exitCode ?? 1)
    }
  }

  private enum Section: String, CaseIterable {
    case bridge, passes, linears, products, training, wide, saving, decoding, tokenizer, start
  }

  private static func sections(_ names: [String]) throws -> [Section] {
    if names.isEmpty { return Section.allCases }
    return try names.map { name in
      guard let section = Section(rawValue: name) else {
        let known = Section.allCases.map(\.rawValue).joined(separator: ", ")
        throw TuneError(.usage, "there is no section '\(name)'", remedy: "Sections: \(known).")
      }
      return section
    }
  }

  private static func option(_ name: String, in arguments: inout [String]) throws -> String? {
    guard let place = arguments.firstIndex(of: name) else { return nil }
    guard place + 1 < arguments.count else { throw TuneError(.usage, "\(name) needs a value") }
    defer { arguments.removeSubrange(place...place + 1) }
    return arguments[place + 1]
  }

  /// Python's torch in a process of its own; nil where it is not asked for or does not start.
  private static func peer(python: String?, script: String?) throws -> AskedProcess? {
    guard let python, let script else { return nil }
    let clock = Clock.countsCPUTime ? [Clock.cpuTimeOption] : []
    return try AskedProcess(python, [script] + clock, greeting: "ready")
  }

  private static func run(_ sections: [Section], peer: AskedProcess?, llama: AskedProcess?) throws {
    StandardStreams.output(
      """
      \(Machine.processor), \(Devices.threads) threads, libtorch \(String(cString: ct_version()))
      Load average \(Machine.load). Medians of \(Clock.countsCPUTime ? "CPU" : "wall-clock") time; \
      spread is half the middle half of the timings.
      Against Python: \(peer.map { "torch " + $0.greeting } ?? "no Python that imports torch was found")

      """)
    for section in sections {
      switch section {
      case .bridge: try measureBridge(peer)
      case .passes: try measurePasses()
      case .linears: try measureLinears()
      case .products: try measureIntegerProducts(peer)
      case .training: try measureTraining(.small)
      case .wide: try measureTraining(.wide)
      case .saving: try measureSaving()
      case .decoding: try measureDecoding(llama)
      case .start: try measureStarting()
      case .tokenizer: try measureTokenizer(peer)
      }
    }
    StandardStreams.output("\nLoad average at the end \(Machine.load).\n")
  }
}

enum Machine {
  static var processor: String {
    let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let lines = text.split(separator: "\n")
    let name = lines.first { $0.hasPrefix("model name") }?
      .split(separator: ":").last?.trimmingCharacters(in: .whitespaces)
    let flags = lines.first { $0.hasPrefix("flags") }?.split(separator: " ") ?? []
    let vector =
      flags.contains("avx512f") ? "AVX-512" : flags.contains("avx2") ? "AVX2" : "no AVX2"
    return "\(name ?? "unknown processor") (\(vector))"
  }
  static var load: String {
    (try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8))?
      .split(separator: " ").prefix(1).joined() ?? "unknown"
  }
}
