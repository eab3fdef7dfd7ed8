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
    Contender(measuredBy: {
      let process = Process()
      process.executableURL = program
      process.arguments = words
      process.standardOutput = FileHandle.nullDevice
      process.standardError = FileHandle.nullDevice
      let started = DispatchTime.now().uptimeNanoseconds
      try process.run()
      process.waitUntilExit()
      return Double(DispatchTime.now().uptimeNanoseconds - started) / 1e9
    })
  }
  let timings = try inTurns(contenders, budget: 5, rounds: 5...30)
  var table = Table("Start of a command", ["command", "ms", "spread"])
  for (words, timing) in zip(commands, timings) {
    table.add("tune " + words.joined(separator: " "), timing.milliseconds, timing.spreadPercent)
  }
  table.print()
}
