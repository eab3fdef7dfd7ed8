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
  let variables = ProcessInfo.processInfo.environment
  WorkerChannels.open(variables)
  if !WorkerChannels.areOpen(variables) { RunInterruption.handle() }
  TorchFailure.whenItHappens { failure in end(with: failure, in: recipe) }
  do {
    try InstructionSet.check()
    let environment = try WorkerEnvironment(variables)
    if let environment, environment.worldSize > 1, !recipe.isDistributed {
      throw TuneError(
        .usage,
        "\(recipe.rawValue) runs in one process, but WORLD_SIZE is \(environment.worldSize)",
        remedy: "Use a distributed recipe, or unset RANK and WORLD_SIZE.")
    }
    try runRecipe(
      recipe, configuration: load(), environment: environment ?? .single, hooks: hooks)
    return nil
  } catch let interrupted as RunInterrupted {
    let report = interrupted.report ?? ""
    if !WorkerErrorFile.leave(report: report) {
      StandardStreams.error(
        RunInterruption.sentence(
          report + " To resume, run the same command with resume_from_checkpoint=True."))
    }
    return 128 + interrupted.signal
  } catch let error as TuneError {
    // The launcher shows the error of the worker that failed first.
    guard WorkerErrorFile.leave(error) else { throw error }
    return error.exitCode
  }
}

/// Ends the process with an error from the middle of a computation: no code of ours runs any more, and the
/// threads that compute are left where they are.
private func end(with failure: TuneError, in recipe: RecipeName) -> Never {
  var error = failure
  error.location.rank = try? WorkerEnvironment(ProcessInfo.processInfo.environment)?.rank
  if error.code == .memory { error.remedy = recipe.memoryRemedy }
  if !WorkerErrorFile.leave(error) { StandardStreams.error("error: \(error)\n") }
  _exit(error.exitCode)
}

extension RecipeName {
  /// The keys that make it need less memory.
  fileprivate var memoryRemedy: String {
    switch self {
    case .quantize: return "Quantize on a machine with more memory, or set device=cpu."
    case .generate:
      return "Lower max_new_tokens, generate from a quantized checkpoint, or set dtype=bf16."
    case .eleutherEval:
      return "Lower batch_size or max_seq_length, or evaluate a quantized checkpoint."
    default:
      let more =
        isDistributed ? "train on more processes, or set fsdp_cpu_offload=True" : "set dtype=bf16"
      return
        "Lower batch_size (and raise gradient_accumulation_steps) or tokenizer.max_seq_len, set "
        + "enable_activation_checkpointing=True, choose an 8-bit optimizer, \(more)."
    }
  }
}
