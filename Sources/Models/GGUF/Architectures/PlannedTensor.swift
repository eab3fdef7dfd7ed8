// A tensor of the model folder and the GGUF tensor that it is made from.
import Essentials

struct PlannedTensor: Sendable {
  /// As transformers names it.
  var name: String
  /// In the GGUF file.
  var source: String
  /// Outermost first.
  var shape: [Int]
  /// For queries and keys of the `llama` family: the number of heads whose rows llama.cpp's converter
  /// interleaved, which is undone.
  var interleavedHeads: Int?
  /// Gemma's norms: the file has 1 + weight.
  var subtractsOne = false

  /// Row `row` of the folder's tensor is this row of the file's: within a head, the first halves of
  /// the rotated pairs come first, then the second ones; in the file each pair is together.
  func sourceRow(of row: Int) -> Int {
    guard let heads = interleavedHeads else { return row }
    let width = shape[0] / heads
    let (head, within) = (row / width, row % width)
    let (half, pair) = (within / (width / 2), within % (width / 2))
    return head * width + pair * 2 + half
  }
}

/// What becomes a model folder: config.json and its tensors.
struct ModelPlan: Sendable {
  var configuration: JSONObject
  var tensors: [PlannedTensor]
  /// For the number of the embedding's rows.
  var vocabularySize: Int
  var contextLength: Int
}
