// The units that a decoder's parameters are sharded in: embedding, blocks, head. Each has two lists,
// the parameters that are trained and those that are frozen. A gradient, optimizer state and the
// recipe state are of trained parameters only.
import Checkpoints
import Layers
import Sharding

package struct DecoderUnits: Sendable {
  package let specification: DecoderWeights<ParameterSpecification>
  /// The embedding's weight as the output head that it is too; nil where there is a head of its own.
  package let tiedHead: ParameterSpecification?
  /// Each unit's parameters, in the order their tensors are handed about.
  package let parameters: [[ParameterSpecification]]
  /// Those of them that are trained, in the same order.
  package let trained: [[ParameterSpecification]]
  package let frozen: [[ParameterSpecification]]
  /// Whether each of `parameters` is trained.
  package let isTrained: [[Bool]]
  /// The first unit that has anything to train. No gradient is needed below it.
  package let lowestTrained: Int

  package var blockCount: Int { specification.blocks.count }
  package var count: Int { blockCount + 2 }
  package static let embedding = 0
  package func block(_ layer: Int) -> Int { layer + 1 }
  package var head: Int { blockCount + 1 }

  /// - Parameter trainedNames: the parameters that are trained, at least one; nil for all of them.
  package init(_ configuration: DecoderConfiguration, training trainedNames: Set<String>? = nil) {
    let specification = configuration.specification
    let parameters =
      [[specification.embedding]] + specification.blocks.map(\.all) + [specification.head.all]
    let isTrained = parameters.map { $0.map { trainedNames?.contains($0.name) ?? true } }
    func list(_ wanted: Bool) -> [[ParameterSpecification]] {
      zip(parameters, isTrained).map { zip($0, $1).filter { $0.1 == wanted }.map(\.0) }
    }
    self.specification = specification
    self.parameters = parameters
    self.isTrained = isTrained
    trained = list(true)
    frozen = list(false)
    tiedHead = configuration.tiesEmbeddings ? configuration.headSpecification : nil
    guard let lowest = trained.firstIndex(where: { !$0.isEmpty }) else {
      preconditionFailure("nothing to train")
    }
    lowestTrained = lowest
  }

  package func layouts(worldSize: Int) -> [(trained: ShardLayout, frozen: ShardLayout)] {
    zip(trained, frozen).map { lists in
      (
        ShardLayout(lists.0.map(\.shape), worldSize: worldSize),
        ShardLayout(lists.1.map(\.shape), worldSize: worldSize)
      )
    }
  }

  /// A unit's parameters as a visit sees them: that of the embedding is to the output head.
  func visited(_ unit: Int) -> [ParameterSpecification] {
    unit == Self.embedding ? tiedHead.map { [$0] } ?? parameters[unit] : parameters[unit]
  }
  /// A unit's values in the order of `parameters`, out of those of its two lists.
  package func merged<V>(_ unit: Int, trained: [V], frozen: [V]) -> [V] {
    var (trained, frozen) = (trained.makeIterator(), frozen.makeIterator())
    return isTrained[unit].enumerated().map { index, isTrained in
      guard let value = isTrained ? trained.next() : frozen.next() else {
        preconditionFailure("no value for \(parameters[unit][index].name)")
      }
      return value
    }
  }
  /// What stands for a block's parameters, in the order of its specification, by name.
  func blockWeights<W>(_ values: [W]) -> BlockWeights<W> {
    var rest = values.makeIterator()
    return specification.blocks[0].map { parameter in
      guard let value = rest.next() else { preconditionFailure("no value for \(parameter.name)") }
      return value
    }
  }
}
