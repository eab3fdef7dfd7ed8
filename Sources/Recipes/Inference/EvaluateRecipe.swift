// `tune run eleuther_eval`: word perplexity, byte perplexity and bits a byte of local text, as
// EleutherAI's lm-evaluation-harness computes its wikitext task, of float and quantized models.
//
// A document is a page of a WikiText file (`wiki.test.raw`, recognized by its first heading and
// cleaned as the harness does), a record of a JSON lines file, or the whole of any other file.
// As in torchtune the text is encoded without BOS and the first token is predicted from BOS.
import Essentials
import Layers
import RunConfiguration
import Tensors
import Text
import Training

package func runEvaluate(_ configuration: ValidatedConfiguration, _ environment: WorkerEnvironment)
  throws
{
  let likelihood = try measureLikelihood(configuration, environment)
  RecipeLog(configuration.root).info(
    "\(likelihood.documents) documents of \(likelihood.words) words, \(likelihood.bytes) bytes and "
      + "\(likelihood.tokens) tokens; log likelihood \(decimal(likelihood.logLikelihood, 4)), "
      + "perplexity by token \(decimal(likelihood.tokenPerplexity, 4))")
  StandardStreams.output(EvaluationTable.text(of: likelihood))
}

package func measureLikelihood(
  _ configuration: ValidatedConfiguration, _ environment: WorkerEnvironment
) throws -> Likelihood {
  try refuseSeveralProcesses(.eleutherEval, environment)
  Devices.configureProcess()
  let root = configuration.root
  let log = RecipeLog(root)
  // The text first: it is quickly read, and its faults should not wait for the weights.
  let documents = try locatingErrors(in: root) {
    try EvaluationDocument.load(root.textFiles(), limit: root.optionalInt("limit"))
  }
  let tokenizer = try tokenizer(from: root.section("tokenizer"))
  let decoder = decoderConfiguration(from: root.section("model"))
  try check(tokenizer, fits: decoder, root.section("tokenizer"))
  let length = windowLength(root, decoder.maximumSequenceLength, log)
  try locatingErrors(in: root) {
    try Evaluation.check(windowLength: length, positions: decoder.maximumSequenceLength)
  }
  let tokens = try documents.map { try tokenizer.encode($0.text) }
  let model = try inferenceModel(from: root, log: log)

  let evaluation = try Evaluation(
    model, windowLength: length, batchSize: root.int("batch_size"))
  let total = tokens.reduce(0) { $0 + $1.count }
  let bar = ProgressBar(label: "evaluating", total: total, unit: "tokens")
  defer { bar.finish() }
  let sums = try withGraph(false) {
    try evaluation.logLikelihoods(of: tokens, prefix: tokenizer.bosID) { bar.advance(by: $0) }
  }
  var sum = Likelihood()
  for (document, (tokens, logLikelihood)) in zip(documents, zip(tokens, sums)) {
    sum.add(
      Likelihood(
        logLikelihood: logLikelihood, words: document.words, bytes: document.bytes,
        tokens: tokens.count, documents: 1))
  }
  return sum
}

/// `max_seq_length`; where it is only the default, no more than the model sees.
private func windowLength(_ root: Section, _ positions: Int, _ log: RecipeLog) -> Int {
  let wanted = root.int("max_seq_length")
  guard !root.isGiven("max_seq_length"), wanted > positions else { return wanted }
  log.info("windows of \(positions) tokens, the most that the model sees")
  return positions
}
