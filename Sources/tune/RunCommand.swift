// `tune run`: checks the configuration, then either is a worker or starts and watches several. A
// worker that it starts is the same command without torchrun's options and with torchrun's
// variables.
import ArgumentParser
import Essentials
import Foundation
import Recipes

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Run a recipe, in one process or in several.",
    usage: "tune run [torchrun options] <recipe> --config <config> [key=value | ~key ...]",
    discussion: """
      Options for several processes stand before the recipe, the configuration
      and its changes after it. When RANK and WORLD_SIZE are set, by torchrun or
      by hand, or SLURM's variables and MASTER_ADDR, the process is one worker
      of that run.

      Examples:
        tune run qat_single_device --config my.yaml
        tune run --nproc_per_node 4 qat_distributed --config llama3/8B_qat_full
        tune run qat_distributed --config my.yaml optimizer.lr=1e-5 seed=1

      On each of two machines, with its own --node_rank:
        tune run --nnodes 2 --node_rank 0 --rdzv_endpoint first:29500 \\
          --nproc_per_node 8 qat_distributed --config my.yaml

      The keys of a recipe: tune run qat_distributed --help
      """)

  @OptionGroup(title: "Torchrun options")
  var torchrun: TorchrunArguments

  @Argument(
    parsing: .captureForPassthrough,
    help: ArgumentHelp(
      "The recipe, --config with a built-in configuration or a file, and changes to it: "
        + "key=value sets, ~key deletes.", valueName: "recipe and its arguments"),
    completion: .list(RecipeName.allCases.map(\.rawValue)))
  var arguments: [String]

  func run() throws {
    // Passing arguments through passes the option for help through, too.
    if ["-h", "--help"].contains(arguments.first) { throw CleanExit.helpRequest(self) }
    let call = try RecipeCall(arguments)
    let declaration = RecipeSchema.declaration(of: call.recipe)
    guard let config = call.config else {
      if call.asksForHelp {
        print(declaration.reference, terminator: "")
        return
      }
      throw TuneError(
        .usage, "the recipe needs --config",
        remedy: "`tune ls \(call.recipe.rawValue)` lists its built-in configurations.")
    }
    let options = torchrun.options
    if !options.isEmpty, !call.recipe.isDistributed {
      throw TuneError(
        .usage, "\(call.recipe.rawValue) runs in one process and takes no torchrun options",
        remedy: "Give the recipe alone, or use a distributed one.")
    }
    let load = {
      try ValidatedConfiguration.load(
        recipe: call.recipe, config: config, overrides: call.overrides)
    }
    if options.isEmpty {
      try work(call.recipe, load)
    } else {
      try launch(options, load())
    }
  }

  private func work(_ recipe: RecipeName, _ load: () throws -> ValidatedConfiguration) throws {
    Lifeline.watch()
    do {
      let environment = try WorkerEnvironment(ProcessInfo.processInfo.environment)
      if let environment, environment.worldSize > 1, !recipe.isDistributed {
        throw TuneError(
          .usage,
          "\(recipe.rawValue) runs in one process, and WORLD_SIZE is "
            + "\(environment.worldSize)",
          remedy: "Use a distributed recipe, or unset RANK and WORLD_SIZE.")
      }
      try runRecipe(recipe, configuration: load(), environment: environment ?? .single)
    } catch let error as TuneError {
      // The launcher shows the error of the worker that failed first.
      guard WorkerErrorFile.leave(error.description) else { throw error }
      throw ExitCode(error.exitCode)
    }
  }

  private func launch(_ options: LaunchOptions, _ configuration: ValidatedConfiguration) throws {
    let usesCUDA = configuration.root.string("device").hasPrefix("cuda")
    let plan = try LaunchPlan(options, usesCUDA: usesCUDA)
    let command = WorkerCommand(
      executable: Bundle.main.executablePath ?? CommandLine.arguments[0],
      arguments: ["run"] + arguments, environment: ProcessInfo.processInfo.environment)
    switch try WorkerGroup(command, plan: plan).run(signals: EndingSignals()) {
    case .succeeded: break
    case .interrupted(let signal): throw ExitCode(128 + signal)
    }
  }
}
