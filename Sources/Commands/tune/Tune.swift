// `tune`: words in, results out. Commands, flags and file formats are torchtune's. A command line
// that cannot be understood ends with exit code 64, everything else that fails with 1 and a
// message that says where and how to mend it.
import ArgumentParser
import Essentials
import Foundation

@main
struct Tune: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tune",
    abstract: "Fine-tune, quantize, evaluate and run language models.",
    discussion: """
      Copy a built-in configuration, edit it, check it, and run it:

        tune ls
        tune cp llama3_2/1B_full my.yaml
        tune validate my.yaml
        tune run full_finetune_distributed --config my.yaml batch_size=4

      To complete commands, recipes and configurations with Tab (zsh, bash
      or fish):

        tune --generate-completion-script zsh > ~/.zfunc/_tune
      """,
    version: ProgramVersion.current,
    subcommands: [
      DownloadCommand.self, ImportCommand.self, ListCommand.self, CopyCommand.self, CatCommand.self,
      ValidateCommand.self, RunCommand.self, ExportCommand.self, VerifyCommand.self,
      ReferenceCommand.self,
    ])

  static func main() {
    StandardStreams.keepRunningWithoutReaders()
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch let error as TuneError {
      Console.printError(error)
      exit(withError: ExitCode(error.exitCode))
    } catch {
      exit(withError: error)
    }
  }
}

enum Console {
  static func printError(_ error: TuneError) { write("error: \(error)\n") }

  static func printWarning(_ warning: TuneError) { write("warning: \(warning)\n") }

  private static func write(_ text: String) { StandardStreams.error(text) }
}
