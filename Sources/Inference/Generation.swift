// Continuing a prompt: the prompt at once, then a token at a time, each found by the sampler and
// handed out as it comes. With the cache each step computes one token; without it, all again.
import Essentials
import Foundation
import Layers
import Tensors

package struct Generation {
  package enum End: Sendable, Equatable {
    case stopToken
    /// As many tokens as were asked for.
    case tokenLimit
    /// The model cannot see a longer sequence.
    case modelLimit
  }
  package struct Result: Sendable {
    /// Without the stop token.
    package var tokens: [Int32]
    package var end: End
    package var seconds: Double
    /// Until the first token: the prompt's share.
    package var secondsToFirst: Double
    /// Tokens made, the stop token counted.
    package var steps: Int
    package var tokensPerSecond: Double { seconds > 0 ? Double(steps) / seconds : 0 }
  }

  package let model: InferenceModel
  package let stopTokens: Set<Int32>
  package let usesCache: Bool

  package init(_ model: InferenceModel, stopTokens: [Int32], usesCache: Bool = true) {
    self.model = model
    self.stopTokens = Set(stopTokens)
    self.usesCache = usesCache
  }

  /// - Parameter emit: called with each token as it is found, stop tokens left out.
  /// - Throws: `TuneError` for a prompt that is empty or leaves no room, and for logits that are
  ///   not finite.
  package func run(
    _ prompt: [Int32], maxNewTokens: Int, sampler: Sampler, emit: (Int32) throws -> Void = { _ in }
  ) throws -> Result {
    try Self.check(
      prompt, vocabulary: model.configuration.vocabularySize, positions: model.positions)
    let room = model.positions - prompt.count
    let limit = min(maxNewTokens, room)
    let cache =
      usesCache
      ? KeyValueCache(
        model.configuration, batch: 1, capacity: prompt.count + limit, dtype: model.dtype,
        on: model.device) : nil
    var result = Result(
      tokens: [], end: limit < maxNewTokens ? .modelLimit : .tokenLimit, seconds: 0,
      secondsToFirst: 0, steps: 0)
    let started = DispatchTime.now().uptimeNanoseconds
    func elapsed() -> Double { Double(DispatchTime.now().uptimeNanoseconds - started) / 1e9 }
    var sequence = prompt
    var unseen = prompt
    while result.steps < limit {
      let logits = try nextLogits(usesCache ? unseen : sequence, cache)
      let token = sampler.next(logits)
      result.steps += 1
      if result.steps == 1 { result.secondsToFirst = elapsed() }
      if stopTokens.contains(token) {
        result.end = .stopToken
        break
      }
      result.tokens.append(token)
      sequence.append(token)
      unseen = [token]
      try emit(token)
    }
    result.seconds = elapsed()
    return result
  }

  private func nextLogits(_ tokens: [Int32], _ cache: KeyValueCache?) throws -> Tensor {
    let input = Tensor(tokens.map(Int64.init), [1, tokens.count]).to(model.device)
    let logits = model.nextLogits(input, cache: cache)
    guard logits.isFinite().allTrue() else {
      throw TuneError(
        .nonFinite, "the model's output is not finite",
        remedy: "The training that wrote the checkpoint may have diverged.")
    }
    return logits
  }

  /// - Throws: `TuneError` for a prompt that is empty, has unknown ids, or leaves no room.
  package static func check(_ prompt: [Int32], vocabulary: Int, positions: Int) throws {
    guard let highest = prompt.max() else {
      throw TuneError(
        .configuration, "the prompt is empty", remedy: "Say something in prompt.user.",
        at: .init(key: "prompt.user"))
    }
    guard Int(highest) < vocabulary else {
      throw TuneError(
        .configuration,
        "the prompt has the token id \(highest), and the model knows \(vocabulary) ids",
        remedy: "Use the tokenizer that belongs to the checkpoint.",
        at: .init(key: "tokenizer.path"))
    }
    guard prompt.count < positions else {
      throw TuneError(
        .configuration,
        "the prompt has \(prompt.count) tokens and leaves no room for an answer: the model sees "
          + "\(positions)",
        remedy: "Shorten the prompt.", at: .init(key: "prompt.user"))
    }
  }
}
