// `tune run generate`: an answer to a prompt, from a float or quantized model, on standard output as
// it comes; how fast it came and what memory it took, on standard error.
import Catalog
import Configuration
import Essentials
import Inference
import Launching
import Layers
import Tensors
import Tokenizers

package func runGenerate(_ configuration: ValidatedConfiguration, _ environment: WorkerEnvironment)
  throws
{
  var text: TokenText?
  let (result, model) = try generate(configuration, environment) { tokenizer, token in
    var decoder = text ?? TokenText(tokenizer)
    StandardStreams.output(decoder.add(token))
    text = decoder
  }
  StandardStreams.output((text?.finish() ?? "") + "\n")
  report(result, model, RecipeLog(configuration.root))
}

/// The answer's tokens, each handed to `emit` as it comes.
package func generate(
  _ configuration: ValidatedConfiguration, _ environment: WorkerEnvironment,
  emit: (any Tokenizer, Int32) -> Void = { _, _ in }
) throws -> (Generation.Result, InferenceModel) {
  try refuseSeveralProcesses(.generate, environment)
  Devices.configureProcess()
  let root = configuration.root
  let log = RecipeLog(root)
  let tokenizer = try tokenizer(from: root)
  let decoder = try decoderConfiguration(from: root)
  try check(tokenizer, fits: decoder, root[Keys.tokenizer])
  let words = root[Keys.prompt]
  let prompt = try locatingErrors(in: words) {
    let prompt = ChatPrompt(system: words[Keys.Prompt.system], user: words[Keys.Prompt.user])
    let tokens = try prompt.tokens(tokenizer)
    // Before the weights are read, which may take minutes.
    try Generation.check(
      tokens, vocabulary: decoder.vocabularySize, positions: decoder.maximumSequenceLength)
    return tokens
  }
  let model = try inferenceModel(from: root, log: log)
  let seed = root[Keys.seed].map(UInt64.init) ?? UInt64.random(in: 0..<(1 << 32))
  log.debug("the seed is \(seed); the prompt has \(prompt.count) tokens")

  let generation = Generation(
    model, stopTokens: tokenizer.stopTokens, usesCache: root[Keys.usesCache])
  let sampler = Sampler(
    temperature: root[Keys.temperature], topK: root[Keys.topK], seed: seed)
  let result = try withGraph(false) {
    try generation.run(prompt, maxNewTokens: root[Keys.maximumNewTokens], sampler: sampler) {
      emit(tokenizer, $0)
    }
  }
  return (result, model)
}

private func report(_ result: Generation.Result, _ model: InferenceModel, _ log: RecipeLog) {
  if result.end == .modelLimit {
    log.warning("stopped: the model supports at most \(model.positions) tokens")
  }
  let rate = result.tokensPerSecond
  log.info(
    "Time for inference: \(decimal(result.seconds, 2)) sec total, \(decimal(rate, 2)) tokens/sec "
      + "(\(result.steps) tokens, the first after \(decimal(result.secondsToFirst, 2)) sec)")
  log.info("Bandwidth achieved: \(decimal(Double(model.byteCount) * rate / 1e9, 2)) GB/s")
  log.info("Memory used: \(byteText(Devices.memory(of: model.device).peakActive))")
}
