// One process of a run: alone, or one of the workers that torchrun's variables describe.
import Catalog
import Essentials
import Foundation
import Launching
import Tensors

/// Runs a recipe as the worker that the environment describes.
/// - Returns: the exit code of a worker whose error its launcher will show; nil when all went well.
/// - Throws: `TuneError`.
package func work(
  as recipe: RecipeName, hooks: TrainingHooks = TrainingHooks(),
  _ load: () throws -> ValidatedConfiguration
) throws -> Int32? {
  Lifeline.watch()
  do {
    try InstructionSet.check()
    let environment = try WorkerEnvironment(ProcessInfo.processInfo.environment)
    if let environment, environment.worldSize > 1, !recipe.isDistributed {
      throw TuneError(
        .usage,
        "\(recipe.rawValue) runs in one process, but WORLD_SIZE is \(environment.worldSize)",
        remedy: "Use a distributed recipe, or unset RANK and WORLD_SIZE.")
    }
    try runRecipe(
      recipe, configuration: load(), environment: environment ?? .single, hooks: hooks)
    return nil
  } catch let error as TuneError {
    // The launcher shows the error of the worker that failed first.
    guard WorkerErrorFile.leave(error.description) else { throw error }
    return error.exitCode
  }
}
