// The library that recipes of one's own are made of: a built-in recipe, and what to do differently.
// `tune cp qat_distributed my_recipe` writes a package that starts from here.
import Builtins
import Catalog
import Essentials
import Foundation
import Recipes
import Training

/// A recipe with changes of your own.
///
/// ```swift
/// import SwiftTune
///
/// var recipe = Recipe(.qatDistributed)
/// recipe.afterStep = { step in print("step \(step.number): loss \(step.loss)") }
/// recipe.run()
/// ```
///
/// The program takes the arguments that `tune run <recipe>` takes: `--config` with a built-in
/// configuration or a file, and changes to it. `tune run my_recipe` builds and starts it, in several
/// processes where it is told to.
public struct Recipe {
  /// The built-in recipes that one of your own can start from.
  public enum Name: String, Sendable, CaseIterable {
    /// Trains all weights in one process.
    case fullFinetuneSingleDevice = "full_finetune_single_device"
    /// Trains all weights in several processes, which share weights, gradients and optimizer state.
    case fullFinetuneDistributed = "full_finetune_distributed"
    /// Trains all weights under fake quantization, in one process.
    case qatSingleDevice = "qat_single_device"
    /// Trains all weights under fake quantization, in several processes.
    case qatDistributed = "qat_distributed"
    /// Converts a checkpoint to a quantized one.
    case quantize
    /// Evaluates a model on tasks of lm-evaluation-harness.
    case eleutherEval = "eleuther_eval"
    /// Answers a prompt.
    case generate
  }

  /// What a training step came to.
  public struct Step: Sendable {
    /// Counted from 1, over all epochs.
    public let number: Int
    /// Counted from 0.
    public let epoch: Int
    /// Mean cross entropy, in nats, over the labels of the step on all processes.
    public let loss: Double
    /// The learning rate that the optimizer took the step with.
    public let learningRate: Double
    /// The tokens that count in the loss, on all processes.
    public let labelTokens: Int
    /// How long the step took, in seconds of wall-clock time, waiting for data and other processes included.
    public let seconds: Double
    /// Before clipping; nil where `clip_grad_norm` is null.
    public let gradientNorm: Double?
  }

  /// The built-in recipe that this one starts from.
  public let name: Name
  /// Called after each step of a training recipe, by every process of the run; an error ends the run.
  public var afterStep: ((Step) throws -> Void)?
  /// Called after each pass over `dataset_val` with the number of steps done and the mean loss.
  public var afterValidation: ((_ step: Int, _ loss: Double) throws -> Void)?
  /// The learning rate of a step, counted from 0, of so many; it takes the place of `optimizer.lr` and
  /// `lr_scheduler`. A function of these two alone, so that a resumed run goes on as it would have.
  public var learningRate: (@Sendable (_ step: Int, _ count: Int) -> Double)?

  /// A recipe that does what the built-in one does, until its properties are set.
  public init(_ name: Name) { self.name = name }

  /// Runs the recipe as the command line asks and ends the process: with 0 when all went well, with 64
  /// for arguments that cannot be understood, with 1 for everything else, and a message on standard
  /// error.
  /// - Parameter arguments: without the program's name.
  public func run(_ arguments: [String] = Array(CommandLine.arguments.dropFirst())) -> Never {
    StandardStreams.keepRunningWithoutReaders()
    do {
      exit(try work(arguments))
    } catch let error as TuneError {
      StandardStreams.error("error: \(error)\n")
      exit(error.exitCode)
    } catch {
      StandardStreams.error("error: \(error)\n")
      exit(1)
    }
  }

  private func work(_ arguments: [String]) throws -> Int32 {
    let recipe = try RecipeName(commandLine: name.rawValue)
    let call = try RecipeArguments(arguments)
    if call.asksForHelp {
      print(RecipeSchema.declaration(of: recipe).reference, terminator: "")
      return 0
    }
    let code = try Recipes.work(as: recipe, hooks: hooks()) {
      try ValidatedConfiguration(recipe: recipe, call.compose(for: recipe))
    }
    return code ?? 0
  }

  private func hooks() -> TrainingHooks {
    var hooks = TrainingHooks()
    hooks.learningRate = learningRate
    if let afterStep {
      hooks.stepped = { number, epoch, step in
        try afterStep(
          Step(
            number: number, epoch: epoch, loss: step.loss, learningRate: step.learningRate,
            labelTokens: step.labelTokens, seconds: step.seconds, gradientNorm: step.gradientNorm))
      }
    }
    if let afterValidation { hooks.validated = afterValidation }
    return hooks
  }
}
