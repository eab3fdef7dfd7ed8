// How long the commands of `tune` take that read no weights: the whole process, from its start to its end.
import Essentials
import Foundation

func measureStarting() throws {
  let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
  let program = URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("tune")
  guard FileManager.default.isExecutableFile(atPath: program.path) else {
    return StandardStreams.output("\nStart: \(program.path) is not built.\n")
  }
  let commands = [
    ["--help"], ["ls"], ["cat", "llama3/8B_qat_full"], ["validate", "llama3/8B_qat_full"],
  ]
  let contenders = commands.map { words in
    Contender(measuredBy: { try secondsOfProcess(program.path, words) })
  }
  let timings = try inTurns(contenders, budget: 5, rounds: 5...30)
  var table = Table("Start of a command", ["command", "ms", "spread"])
  for (words, timing) in zip(commands, timings) {
    table.add("tune " + words.joined(separator: " "), timing.milliseconds, timing.spreadPercent)
  }
  table.print()
}

/// Foundation's `Process` looks only every 50 ms whether one has ended.
private func secondsOfProcess(_ path: String, _ words: [String]) throws -> Double {
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  for descriptor in [STDOUT_FILENO, STDERR_FILENO] {
    posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_WRONLY, 0)
  }
  let arguments = ([path] + words).map { strdup($0) } + [nil]
  defer { for argument in arguments { free(argument) } }
  var process = pid_t()
  var status: Int32 = 0
  let started = DispatchTime.now().uptimeNanoseconds
  guard posix_spawn(&process, path, &actions, nil, arguments, environ) == 0,
    waitpid(process, &status, 0) == process, status == 0
  else {
    throw TuneError(.worker, "\(path) \(words.joined(separator: " ")) did not run to its end")
  }
  return Double(DispatchTime.now().uptimeNanoseconds - started) / 1e9
}
