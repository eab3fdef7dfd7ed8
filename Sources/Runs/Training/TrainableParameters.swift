// Which parameters a run trains, chosen by name with shell wildcards. A parameter goes by Hugging
// Face's name and by the one that its checkpoint has for it; a tied embedding is also the output head.
import Checkpoints
import Essentials
import Foundation
import Layers

package struct TrainableParameters: Sendable {
  /// As they were given; nil trains everything.
  package let patterns: [String]?
  /// Hugging Face's names of what is trained.
  package let names: Set<String>
  /// Patterns that match no parameter.
  package let unmatched: [String]
  /// Trained elements, and those of the model.
  package let count: Int
  package let totalCount: Int

  package init(
    _ patterns: [String]?, of configuration: DecoderConfiguration, naming: CheckpointNaming
  ) {
    self.patterns = patterns
    let parameters = configuration.specification.all
    let tied = configuration.tiesEmbeddings ? configuration.headSpecification.name : nil
    var names: Set<String> = []
    var unmatched = Set(patterns ?? [])
    for parameter in parameters {
      guard let patterns else {
        names.insert(parameter.name)
        continue
      }
      let own = [parameter.name] + (parameter.kind == .embedding ? [tied].compactMap { $0 } : [])
      let all = own + own.map(naming.name)
      for pattern in patterns where all.contains(where: { fnmatch(pattern, $0, 0) == 0 }) {
        names.insert(parameter.name)
        unmatched.remove(pattern)
      }
    }
    self.names = names
    self.unmatched = (patterns ?? []).filter(unmatched.contains)
    count = parameters.reduce(0) { $0 + (names.contains($1.name) ? $1.count : 0) }
    totalCount = configuration.parameterCount
  }

  package var isEverything: Bool { count == totalCount }
}
