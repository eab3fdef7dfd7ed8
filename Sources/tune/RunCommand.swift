// `tune run`: checks the configuration, then either is a worker or starts and watches several. A
// worker that it starts is the same command without torchrun's options and with torchrun's
// variables.
import ArgumentParser
import Essentials
import Foundation
import RunConfiguration

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

      A recipe of your own, made by `tune cp qat_distributed my_recipe`, is built
      first, and then runs alike, in several processes too:
        tune run --nproc_per_node 4 my_recipe --config my.yaml
      """)

  @OptionGroup(title: "Torchrun options")
  var torchrun: TorchrunArguments

  @Flag(help: "Show the output of the build when the recipe is a package.")
  var verbose = false

  @Argument(
    parsing: .captureForPassthrough,
    help: ArgumentHelp(
      "The recipe, --config with a built-in configuration or a file, and changes to it: "
        + "key=value sets, ~key deletes.", valueName: "recipe and its arguments"),
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
    let declaration = RecipeSchema.declaration(of: recipe)
    guard let config = call.config else {
      if call.asksForHelp {
        print(declaration.reference, terminator: "")
        return
      }
      throw TuneError(
        .usage, "the recipe needs --config",
        remedy: "`tune ls \(recipe.rawValue)` lists its built-in configurations.")
    }
    let options = torchrun.options
    if !options.isEmpty, !recipe.isDistributed {
      throw TuneError(
        .usage, "\(recipe.rawValue) runs in one process and takes no torchrun options",
        remedy: "Give the recipe alone, or use a distributed one.")
    }
    let program = try RecipeProgram.path()
    guard !options.isEmpty else {
      throw ExitCode(try RecipePackage.replaceProcess(with: program, arguments))
    }
    let root = try ValidatedConfiguration.load(
      recipe: recipe, config: config, overrides: call.overrides
    ).root
    if let refusal = recipe.refusal { throw refusal }
    try launch(program, arguments, usesCUDA: root.string("device").hasPrefix("cuda"))
  }

  /// Builds the package, and then it is started like a recipe of ours.
  private func run(_ package: RecipePackage, _ call: RecipeArguments) throws {
    guard call.config != nil || call.asksForHelp else {
      throw TuneError(
        .usage, "the recipe needs --config", remedy: "`tune ls` lists built-in configurations.")
    }
    // A name that does not exist is said before minutes of building.
    let map = try call.config.map {
      try ConfigurationFile.read($0).applying(call.overrides.map(ConfigurationOverride.init))
    }
    let product = try package.build(verbose: verbose)
    let words = Array(arguments.dropFirst())
    guard !torchrun.options.isEmpty, let map else {
      throw ExitCode(try RecipePackage.replaceProcess(with: product, words))
    }
    try launch(
      product, words, usesCUDA: map["device"]?.value.text?.hasPrefix("cuda") ?? false)
  }

  private func launch(_ executable: String, _ arguments: [String], usesCUDA: Bool) throws {
    let plan = try LaunchPlan(torchrun.options, usesCUDA: usesCUDA)
    let command = WorkerCommand(
      executable: executable, arguments: arguments,
      environment: ProcessInfo.processInfo.environment)
    switch try WorkerGroup(command, plan: plan).run(signals: EndingSignals()) {
    case .succeeded: break
    case .interrupted(let signal): throw ExitCode(128 + signal)
    }
  }
}
