// The likelihood that a model gives to text, and the perplexities by its words, bytes and tokens.
import Foundation

/// The likelihood of text and what it is measured by.
package struct Likelihood: Sendable, Equatable {
  /// Sum over all tokens of the log of their probability.
  package var logLikelihood = 0.0
  package var words = 0
  package var bytes = 0
  package var tokens = 0
  package var documents = 0

  package init(
    logLikelihood: Double = 0, words: Int = 0, bytes: Int = 0, tokens: Int = 0, documents: Int = 0
  ) {
    self.logLikelihood = logLikelihood
    self.words = words
    self.bytes = bytes
    self.tokens = tokens
    self.documents = documents
  }

  package var wordPerplexity: Double { exp(-logLikelihood / Double(words)) }
  package var bytePerplexity: Double { exp(-logLikelihood / Double(bytes)) }
  package var bitsPerByte: Double { -logLikelihood / Double(bytes) / log(2) }
  package var tokenPerplexity: Double { exp(-logLikelihood / Double(tokens)) }

  package mutating func add(_ other: Likelihood) {
    logLikelihood += other.logLikelihood
    words += other.words
    bytes += other.bytes
    tokens += other.tokens
    documents += other.documents
  }
}

/// What a task that predicts documents reports; lower is better.
package enum LikelihoodMetric: String, Sendable {
  case bitsPerByte = "bits_per_byte"
  case bytePerplexity = "byte_perplexity"
  case wordPerplexity = "word_perplexity"

  package var name: String { rawValue }

  package func value(of likelihood: Likelihood) -> Double {
    switch self {
    case .bitsPerByte: likelihood.bitsPerByte
    case .bytePerplexity: likelihood.bytePerplexity
    case .wordPerplexity: likelihood.wordPerplexity
    }
  }
}
