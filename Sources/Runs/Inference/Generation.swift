// One prompt continued to its end, each token handed out as it comes, and how long that took.
import Essentials
import Foundation

package struct Generation {
  package struct Result: Sendable {
    /// Without the stop token.
    package var tokens: [Int32]
    package var end: Generator.End
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
    let started = DispatchTime.now().uptimeNanoseconds
    func elapsed() -> Double { Double(DispatchTime.now().uptimeNanoseconds - started) / 1e9 }
    var generator = try Generator(
      model, prompts: [prompt], maxNewTokens: maxNewTokens, samplers: [sampler],
      stopTokens: stopTokens, usesCache: usesCache)
    var tokens: [Int32] = []
    var secondsToFirst: Double?
    while let step = try generator.next() {
      secondsToFirst = secondsToFirst ?? elapsed()
      tokens.append(step.token)
      try emit(step.token)
    }
    guard let end = generator.ends[0] else { preconditionFailure("a row that never ended") }
    return Result(
      tokens: tokens, end: end, seconds: elapsed(), secondsToFirst: secondsToFirst ?? elapsed(),
      steps: tokens.count + (end == .stopToken ? 1 : 0))
  }

  /// - Throws: `TuneError` for a prompt that is empty, has unknown ids, or leaves no room.
  package static func check(_ prompt: [Int32], vocabulary: Int, positions: Int) throws {
    guard let highest = prompt.max() else {
      throw TuneError(
        .configuration, "the prompt is empty", remedy: "Say something in \(Setting.userPrompt).",
        at: .init(.userPrompt))
    }
    guard Int(highest) < vocabulary else {
      throw TuneError(
        .configuration,
        "the prompt has the token id \(highest), and the model knows \(vocabulary) ids",
        remedy: "Use the tokenizer that belongs to the checkpoint.",
        at: .init(.tokenizer))
    }
    guard prompt.count < positions else {
      throw TuneError(
        .configuration,
        "the prompt has \(prompt.count) tokens, which is too long: the model supports "
          + "\(positions)",
        remedy: "Shorten the prompt.", at: .init(.userPrompt))
    }
  }
}
