// Log likelihood of text and the perplexities of it, as EleutherAI's lm-evaluation-harness computes
// its wikitext task: rolling windows that each predict tokens of their own, sums over documents,
// perplexity by the words and bytes of the text. All sums are in fp64, all softmaxes in fp32.
// `B` windows at once, `T` tokens of a window, `D` model width, `V` vocabulary.
import Essentials
import Foundation
import Layers
import Tensors

/// A stretch of a document: what the model reads, and what it should predict after its last tokens.
package struct RollingWindow: Sendable, Equatable {
  package var input: [Int32]
  /// Predicted after the last `targets.count` tokens of `input`.
  package var targets: [Int32]

  package init(input: [Int32], targets: [Int32]) {
    self.input = input
    self.targets = targets
  }

  /// One a token of `input`; -100 where nothing is predicted.
  var labels: [Int32] {
    [Int32](repeating: -100, count: input.count - targets.count) + targets
  }

  /// Windows that together predict each token once. The first begins with `prefix`; every later one
  /// reads `length` tokens, so that the last, which has few to predict, still sees many before them.
  package static func windows(
    of tokens: [Int32], prefix: Int32, length: Int
  ) -> [RollingWindow] {
    stride(from: 0, to: tokens.count, by: length).map { start in
      let end = min(start + length, tokens.count)
      let targets = Array(tokens[start..<end])
      return RollingWindow(
        input: start == 0
          ? [prefix] + targets.dropLast() : Array(tokens[end - length - 1..<end - 1]),
        targets: targets)
    }
  }
}

package struct Evaluation: Sendable {
  package let model: InferenceModel
  /// Tokens of a window at most.
  package let windowLength: Int
  /// Windows computed together.
  package let batchSize: Int

  /// - Throws: `TuneError` when the model cannot see so long a window.
  package init(_ model: InferenceModel, windowLength: Int, batchSize: Int) throws {
    try Self.check(windowLength: windowLength, positions: model.positions)
    self.model = model
    self.windowLength = windowLength
    self.batchSize = max(1, batchSize)
  }

  /// - Throws: `TuneError` when a model that sees `positions` tokens cannot see so long a window.
  package static func check(windowLength: Int, positions: Int) throws {
    guard windowLength > positions else { return }
    throw TuneError(
      .configuration,
      "windows of \(windowLength) tokens are longer than the \(positions) that the model sees",
      remedy: "Set \(Setting.windowLength) to at most \(positions).", at: .init(.windowLength))
  }

  /// The log likelihood of each document's tokens, each document on its own.
  /// - Parameters:
  ///   - prefix: what the first token of a document is predicted from: BOS.
  ///   - scored: called after each batch with how many tokens it scored.
  package func logLikelihoods(
    of documents: [[Int32]], prefix: Int32, scored: (_ tokens: Int) -> Void = { _ in }
  ) throws -> [Double] {
    var windows: [RollingWindow] = []
    var owners: [Int] = []
    for (index, tokens) in documents.enumerated() {
      let found = RollingWindow.windows(of: tokens, prefix: prefix, length: windowLength)
      windows += found
      owners += found.map { _ in index }
    }
    let values = try logLikelihoods(
      ofWindows: windows, naming: { "document \(owners[$0] + 1)" },
      scored: { _, tokens in scored(tokens) })
    return zip(owners, values).reduce(into: [Double](repeating: 0, count: documents.count)) {
      $0[$1.0] += $1.1
    }
  }

  /// The log likelihood of each window's targets.
  /// - Parameters:
  ///   - name: what a window belongs to, for the message when its likelihood is not a number.
  ///   - scored: called after each batch with how many windows and tokens it scored.
  package func logLikelihoods(
    ofWindows windows: [RollingWindow], naming name: (Int) -> String,
    scored: (_ windows: Int, _ tokens: Int) -> Void = { _, _ in }
  ) throws -> [Double] {
    // Windows of like length share a batch, the longest first: a batch that does not fit into
    // memory fails at the start.
    let order = windows.indices.sorted {
      (windows[$0].input.count, $1) > (windows[$1].input.count, $0)
    }
    var values = [Double](repeating: 0, count: windows.count)
    for start in stride(from: 0, to: order.count, by: batchSize) {
      let batch = order[start..<min(start + batchSize, order.count)]
      for (value, index) in zip(logLikelihoods(of: batch.map { windows[$0] }), batch) {
        guard value.isFinite else {
          throw TuneError(
            .nonFinite, "the model's likelihood of \(name(index)) is not a number",
            remedy: "The training that wrote the checkpoint may have diverged.")
        }
        values[index] = value
      }
      scored(batch.count, batch.reduce(0) { $0 + windows[$1].targets.count })
    }
    return values
  }

  /// Of windows of any lengths; the shorter ones are filled on the right, where no token looks.
  private func logLikelihoods(of windows: [RollingWindow]) -> [Double] {
    let width = windows.map(\.input.count).max() ?? 0
    func padded(_ rows: [[Int32]], with filler: Int64) -> Tensor {
      let flat = rows.flatMap {
        $0.map(Int64.init) + [Int64](repeating: filler, count: width - $0.count)
      }
      return Tensor(flat, [rows.count, width]).to(model.device)
    }
    let tokens = padded(windows.map(\.input), with: 0)
    let labels = padded(windows.map(\.labels), with: -100)
    let hidden = model.hidden(tokens)
    // Logits of 2^24 elements at a time: 64 MiB in fp32.
    let rowsAtOnce = max(1, (1 << 24) / model.configuration.vocabularySize)
    let head = LossHead(chunkCount: (width + rowsAtOnce - 1) / rowsAtOnce)
      .forLogits(of: model.configuration)
    return windows.indices.map { row in
      let losses = head.lossSum(
        hidden.narrow(0, from: row, count: 1), labels.narrow(0, from: row, count: 1), model.output)
      return -losses.item
    }
  }
}
