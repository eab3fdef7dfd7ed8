// From a checked configuration to the recipe that it is for. A worker of a distributed run and a
// single process come through here alike.
import Catalog
import Essentials
import Launching

package func runRecipe(
  _ recipe: RecipeName, configuration: ValidatedConfiguration, environment: WorkerEnvironment,
  hooks: TrainingHooks = TrainingHooks()
) throws {
  if let refusal = recipe.refusal { throw refusal }
  do {
    try run(recipe, configuration, environment, hooks)
  } catch let error as TuneError {
    throw error.namingKeys()
  }
}

private func run(
  _ recipe: RecipeName, _ configuration: ValidatedConfiguration, _ environment: WorkerEnvironment,
  _ hooks: TrainingHooks
) throws {
  switch recipe {
  case .fullFinetuneSingleDevice, .fullFinetuneDistributed, .qatSingleDevice, .qatDistributed:
    try runTraining(configuration, environment, hooks)
  case .loraFinetuneSingleDevice, .loraFinetuneDistributed, .qatLoraFinetuneDistributed:
    preconditionFailure("the recipe \(recipe.rawValue) has no refusal")
  case .quantize: try runQuantize(configuration, environment)
  case .eleutherEval: try runEvaluate(configuration, environment)
  case .generate: try runGenerate(configuration, environment)
  }
}
