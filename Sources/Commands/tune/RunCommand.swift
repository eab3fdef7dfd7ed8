// `tune run`: either becomes the one worker of a run, or composes and checks the configuration and starts
// and watches several workers, which get the composed configuration and torchrun's variables.
import ArgumentParser
import Builtins
import Catalog
import Configuration
import Essentials
import Foundation
import Launching

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Run a recipe in one or several processes.",
    usage: "tune run [torchrun options] <recipe> --config <config> [key=value | ~key ...]",
    discussion: """
      Put torchrun's options before the recipe, --config and overrides after
      it. If RANK and WORLD_SIZE are set (by torchrun), or SLURM's variables
      and MASTER_ADDR, the process is one worker of that run.

      Examples:
        tune run qat_single_device --config my.yaml
        tune run --nproc_per_node 4 qat_distributed --config llama3/8B_qat_full
        tune run qat_distributed --config my.yaml optimizer.lr=1e-5 seed=1

      On two machines, run this on each with its own --node_rank, and with
      the same secret (openssl rand -hex 32) in SWIFT_TUNE_SECRET:
        tune run --nnodes 2 --node_rank 0 --rdzv_endpoint first:29500 \\
          --nproc_per_node 8 qat_distributed --config my.yaml

      To list the keys of a recipe: tune run qat_distributed --help

      To build and run a custom recipe that `tune cp qat_distributed my_recipe`
      created:
        tune run --nproc_per_node 4 my_recipe --config my.yaml
      """)

  @OptionGroup(title: "Torchrun options")
  var torchrun: TorchrunArguments

  @Flag(help: "Show the build output of a custom recipe.")
  var verbose = false

  @Argument(
    parsing: .captureForPassthrough,
    help: ArgumentHelp(
      "The recipe, --config with a built-in configuration or a file, and overrides: "
        + "key=value sets a key, ~key deletes it.", valueName: "recipe and its arguments"),
    completion: .recipeArguments)
  var arguments: [String]

  func run() throws {
    // Passing arguments through passes the option for help through, too.
    if ["-h", "--help"].contains(arguments.first) { throw CleanExit.helpRequest(self) }
    let call = try RecipeCall(arguments)
    switch call.recipe {
    case .builtin(let recipe): try run(recipe, call.arguments)
    case .package(let folder): try run(RecipePackage(folder), call.arguments)
    }
  }

  private func run(_ recipe: RecipeName, _ call: RecipeArguments) throws {
    if call.asksForHelp {
      print(RecipeSchema.declaration(of: recipe).reference, terminator: "")
      return
    }
    try call.requireConfig(for: recipe)
    let options = torchrun.options
    if !options.isEmpty, !recipe.isDistributed {
      throw TuneError(
        .usage, "\(recipe.rawValue) runs in one process and does not support torchrun options",
        remedy: "Remove the options, or use a distributed recipe.")
    }
    let program = try RecipeProgram.path()
    guard !options.isEmpty else {
      throw ExitCode(try RecipePackage.replaceProcess(with: program, arguments))
    }
    let composed: ComposedConfiguration
    let root: Section
    do {
      composed = try call.compose(for: recipe)
      root = try ValidatedConfiguration(recipe: recipe, composed).root
      if let refusal = recipe.refusal { throw refusal }
    } catch let error as TuneError {
      throw refuse(error, options)
    }
    try launch(
      program, [recipe.rawValue], composed, usesCUDA: root[Keys.device].hasPrefix("cuda"),
      savesOnInterrupt: root.declares(Keys.savesOnInterrupt) && root[Keys.savesOnInterrupt])
  }

  /// Builds the package, and then it is started like a recipe of ours.
  private func run(_ package: RecipePackage, _ call: RecipeArguments) throws {
    guard call.config != nil || call.asksForHelp else {
      throw TuneError(
        .usage, "missing --config", remedy: "`tune ls` lists built-in configurations.")
    }
    // A name that does not exist is said before minutes of building.
    let composed = try call.config.map {
      try ComposedConfiguration($0, overrides: call.overrides)
    }
    let product = try package.build(verbose: verbose)
    guard !torchrun.options.isEmpty, let composed else {
      throw ExitCode(
        try RecipePackage.replaceProcess(with: product, Array(arguments.dropFirst())))
    }
    let device = composed.map[Keys.device.name]?.value.text
    try launch(
      product, [], composed, usesCUDA: device?.hasPrefix("cuda") ?? false,
      savesOnInterrupt: composed.map[Keys.savesOnInterrupt.name]?.value == .bool(true))
  }

  /// The user reads the error at once; then the other nodes, which would wait, are told.
  private func refuse(_ error: TuneError, _ options: LaunchOptions) -> any Error {
    guard let plan = try? LaunchPlan(options, usesCUDA: false), plan.rendezvous != nil else {
      return error
    }
    Console.printError(error)
    RunLauncher.refuse(plan, because: error)
    return ExitCode(error.exitCode)
  }

  private func launch(
    _ executable: String, _ arguments: [String], _ composed: ComposedConfiguration, usesCUDA: Bool,
    savesOnInterrupt: Bool
  ) throws {
    // Before there are threads.
    let signals = EndingSignals()
    var plan = try LaunchPlan(torchrun.options, usesCUDA: usesCUDA)
    plan.savesOnInterrupt = savesOnInterrupt
    let command = WorkerCommand(
      executable: executable, arguments: arguments,
      environment: ProcessInfo.processInfo.environment, configuration: composed)
    switch try RunLauncher(command, plan: plan).run(signals: signals) {
    case .succeeded: break
    case .interrupted(let signal, let report):
      StandardStreams.error(
        "\nThe run was interrupted. " + (report.map { $0 + " " } ?? "")
          + "To resume from its last save, run the same command with "
          + "resume_from_checkpoint=True.\n")
      throw ExitCode(128 + signal)
    }
  }
}
