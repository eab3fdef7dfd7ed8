// Continues prompts, one a row, of any lengths: an iterator that hands out a token at a time. The rows that
// go on are computed together. With the cache a forward pass computes their newest tokens; without it,
// all tokens again.
// `R` rows that go on, `V` vocabulary.
import Essentials
import Layers
import Tensors

package struct Generator {
  /// Why a row ended.
  package enum End: Sendable, Equatable {
    case stopToken
    /// As many tokens as were asked for.
    case tokenLimit
    /// The model cannot see a longer sequence.
    case modelLimit
  }

  /// The next token of a row.
  package struct Step {
    package let row: Int
    package let token: Int32
    /// [V]
    fileprivate let logits: Tensor

    /// The model's log probabilities of all tokens at this place, [V] fp32, before temperature and `top_k`.
    package var logProbabilities: Tensor { logits.to(.float32).logSoftmax(along: -1) }
  }

  private struct Row {
    var sampler: Sampler
    /// Tokens that the next forward pass computes.
    var unseen: [Int32]
    /// Tokens that may still be drawn.
    var room: Int
    /// The end of a row without room.
    let endWithoutRoom: End
    var end: End?
  }

  private let model: InferenceModel
  private let stopTokens: Set<Int32>
  private let cache: KeyValueCache?
  private var rows: [Row]
  /// Drawn and not handed out yet, the next one last.
  private var waiting: [Step] = []

  /// Why each row ended; nil while it goes on.
  package var ends: [End?] { rows.map(\.end) }

  /// - Parameters:
  ///   - maxNewTokens: of each row.
  ///   - samplers: one a row.
  /// - Throws: `TuneError` for a prompt that is empty, has unknown ids, or leaves no room.
  package init(
    _ model: InferenceModel, prompts: [[Int32]], maxNewTokens: Int, samplers: [Sampler],
    stopTokens: Set<Int32>, usesCache: Bool = true
  ) throws {
    precondition(prompts.count == samplers.count, "a sampler a prompt")
    rows = try zip(prompts, samplers).map { prompt, sampler in
      try Generation.check(
        prompt, vocabulary: model.configuration.vocabularySize, positions: model.positions)
      let room = model.positions - prompt.count
      return Row(
        sampler: sampler, unseen: prompt, room: min(maxNewTokens, room),
        endWithoutRoom: room < maxNewTokens ? .modelLimit : .tokenLimit,
        end: maxNewTokens > 0 ? nil : .tokenLimit)
    }
    self.model = model
    self.stopTokens = stopTokens
    cache =
      usesCache
      ? KeyValueCache(
        model.configuration, rows: rows.count,
        capacity: rows.map { $0.unseen.count + $0.room }.max() ?? 0, dtype: model.dtype,
        on: model.device) : nil
  }

  /// The next token of one of the rows that go on, which take turns; stop tokens are left out. Nil when all
  /// rows have ended.
  /// - Throws: `TuneError` for logits that are not finite.
  package mutating func next() throws -> Step? {
    if waiting.isEmpty { try drawAll() }
    return waiting.popLast()
  }

  /// A token for each row that goes on.
  private mutating func drawAll() throws {
    let live = rows.indices.filter { rows[$0].end == nil }
    guard !live.isEmpty else { return }
    // Rows of the cache keep their places; without it the ended ones are left out.
    let input =
      cache == nil ? live.map { rows[$0].unseen } : rows.map { $0.end == nil ? $0.unseen : [] }
    let logits = model.nextLogits(input, cache: cache)
    guard logits.isFinite().allTrue() else {
      throw TuneError(
        .nonFinite, "the model's output is not finite",
        remedy: "The training that wrote the checkpoint may have diverged.")
    }
    for (place, row) in live.enumerated() {
      if let token = draw(logits.select(0, place), row) {
        waiting.append(Step(row: row, token: token, logits: logits.select(0, place)))
      }
    }
    waiting.reverse()
  }

  /// Nil for a stop token.
  private mutating func draw(_ logits: Tensor, _ row: Int) -> Int32? {
    let token = rows[row].sampler.next(logits)
    if stopTokens.contains(token) {
      rows[row].end = .stopToken
      return nil
    }
    rows[row].unseen = cache == nil ? rows[row].unseen + [token] : [token]
    rows[row].room -= 1
    if rows[row].room == 0 { rows[row].end = rows[row].endWithoutRoom }
    return token
  }
}
