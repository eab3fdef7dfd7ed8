// Which layers of a model are quantized, and each with which scheme: a plan has a name, so that a file remembers
// what it was made for. Every parameter asks the plan, in training, conversion, files and inference alike.
import Tensors

package struct QuantizationPlan: Sendable, Hashable {
  /// A preset's, or that of the one scheme: `8da4w`.
  package var name: String
  /// Of the linear layers in the blocks.
  package var layers: QuantizationScheme
  /// Of the output head; nil leaves it as it is.
  package var head: QuantizationScheme?
  /// Of the embedding, whose rows are rounded as they are looked up; nil leaves it as it is. A head whose weight
  /// is the embedding's then has the same codes.
  package var embedding: QuantizationScheme?
  /// Layers that are not as the rest: the first whose pattern matches a name decides.
  package var exceptions: [Exception]

  package struct Exception: Sendable, Hashable {
    /// Of parameters' names, with shell wildcards: `*.down_proj.*`.
    package var pattern: String
    /// Nil leaves them as they are.
    package var scheme: QuantizationScheme?

    package init(pattern: String, scheme: QuantizationScheme?) {
      self.pattern = pattern
      self.scheme = scheme
    }
  }

  package init(
    name: String, layers: QuantizationScheme, head: QuantizationScheme?,
    embedding: QuantizationScheme? = nil, exceptions: [Exception] = []
  ) {
    precondition(
      embedding == nil || head == nil || embedding?.weights == head?.weights,
      "a head that is the embedding has one weight")
    self.name = name
    self.layers = layers
    self.head = head
    self.embedding = embedding
    self.exceptions = exceptions
  }

  /// Every linear layer in one way, the head included, and the embedding as it is: torchtune's quantizers.
  package init(_ scheme: QuantizationScheme) {
    let prefix = scheme.inputs == .int8PerToken ? "8da" : ""
    self.init(name: "\(prefix)\(scheme.weights.bits)w", layers: scheme, head: scheme)
  }

  /// Whether it is one scheme for all linear layers and for nothing else.
  package var isUniform: Bool { self == QuantizationPlan(layers) }

  /// The head's where its weight is the embedding's, as the embedding's codes have it.
  package var tiedHead: QuantizationScheme? {
    guard let embedding else { return head }
    return QuantizationScheme(weights: embedding.weights, inputs: head?.inputs ?? .exact)
  }

  package var schemes: [QuantizationScheme] {
    var all: [QuantizationScheme] = []
    for scheme in [layers, head, embedding].compactMap({ $0 }) + exceptions.compactMap(\.scheme)
    where !all.contains(scheme) {
      all.append(scheme)
    }
    return all
  }

  /// For messages: `gguf-q4_0: 4-bit weights in groups of 32; the output head and the embedding 8-bit ..`.
  package var summary: String {
    if isUniform { return layers.summary }
    var parts = ["\(name): \(layers.summary)"]
    if let head, head != layers { parts.append("the output head \(head.summary)") }
    if head == nil { parts.append("the output head in float") }
    if let embedding { parts.append("the embedding \(embedding.weights.summary)") }
    if !exceptions.isEmpty { parts.append(exceptions.map(\.summary).joined(separator: "; ")) }
    return parts.joined(separator: "; ")
  }
}

extension QuantizationPlan.Exception {
  fileprivate var summary: String { "\(pattern) \(scheme?.summary ?? "in float")" }
}
