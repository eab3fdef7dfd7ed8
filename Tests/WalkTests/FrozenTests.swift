// Frozen parameters: the walk gives the gradients of the trained ones, the same bits as when everything
// is trained, and none for the others. It walks backward no further than it must.
import Layers
import Quantization
import Sharding
import Tensors
import Testing

@testable import Training

private let scheme = QuantizationScheme(groupSize: 32)

/// Choices of what is trained, by a pattern of names.
private let choices: [(name: String, matches: @Sendable (String) -> Bool)] = [
  ("one layer of each block", { $0.contains("v_proj") }),
  ("no norm", { !$0.contains("norm") }),
  ("a block in the middle", { $0.contains("layers.1.") }),
  ("the last down projection", { $0.contains("layers.2.mlp.down_proj") }),
  ("two of three layers that share an input", { $0.contains("q_proj") || $0.contains("v_proj") }),
  ("the embedding", { $0.contains("embed_tokens") }),
  ("the final norm", { $0 == "model.norm.weight" }),
  ("the output head", { $0 == "lm_head.weight" }),
  ("all but the embedding", { !$0.contains("embed_tokens") }),
]

extension Toy {
  fileprivate func names(_ matches: (String) -> Bool) -> Set<String> {
    Set(configuration.specification.all.map(\.name).filter(matches))
  }
  /// Those of `gradients`, which are in the order of the specification, that `names` has.
  fileprivate func only(_ names: Set<String>, _ gradients: [Tensor]) -> [Tensor] {
    zip(configuration.specification.all, gradients).filter { names.contains($0.0.name) }.map(\.1)
  }
}

@Suite struct FrozenTests {
  @Test(arguments: choices.indices, [BlockPolicy.recompute, .keep, .offload])
  func gradientsAreThoseOfTheFullRun(choice: Int, policy: BlockPolicy) throws {
    for (tied, dtype) in [(false, DType.float32), (true, .float32), (false, .bfloat16)] {
      for numerics in [LinearNumerics.exact, .fakeQuantized(scheme), .simulated(scheme)] {
        let toy = Toy(tied: tied, dtype: dtype)
        let names = toy.names(choices[choice].matches)
        // A tied model has no head of its own.
        if names.isEmpty { continue }
        let input = toy.input(rows: 0..<2)
        let full = try walk(toy, input, numerics, seed: 1.0 / 40, policy: policy)
        let some = try walk(
          toy, input, numerics, seed: 1.0 / 40, policy: policy, training: names)
        #expect(some.loss == full.loss)
        let expected = toy.only(names, full.gradients)
        #expect(some.gradients.count == names.count && expected.count == names.count)
        for (index, (ours, theirs)) in zip(some.gradients, expected).enumerated() {
          #expect(
            ours.isEqual(to: theirs),
            "gradient \(index), \(choices[choice].name), tied \(tied), \(dtype), \(numerics)")
        }
      }
    }
  }

  /// Two ranks, shards on the device and in host memory.
  @Test(arguments: choices.indices, [BlockPolicy.recompute, .keep])
  func ranksGiveThoseOfTheirFullRun(choice: Int, policy: BlockPolicy) throws {
    for (tied, placement) in [
      (false, ShardPlacement.device), (true, .device), (false, .host(.cpu)),
    ] {
      for numerics in [LinearNumerics.exact, .fakeQuantized(scheme)] {
        try ProcessGroup.inProcess(worldSize: 2) { group in
          let toy = Toy(tied: tied)
          let names = toy.names(choices[choice].matches)
          if names.isEmpty { return }
          let input = toy.input(rows: group.rank..<group.rank + 1)
          let full = try walk(
            toy, input, numerics, seed: 1.0 / 40, policy: policy, group: group, placement: placement
          )
          let some = try walk(
            toy, input, numerics, seed: 1.0 / 40, policy: policy, group: group,
            placement: placement,
            training: names)
          #expect(some.loss == full.loss)
          #expect(some.mostWholeUnits <= max(2, full.mostWholeUnits))
          for (ours, theirs) in zip(some.gradients, toy.only(names, full.gradients)) {
            #expect(ours.isEqual(to: theirs), "\(choices[choice].name), \(tied), \(numerics)")
          }
        }
      }
    }
  }

  /// The codes of frozen weights are made once, those of trained ones anew after each change.
  @Test func codesFollowWhatIsTrained() throws {
    let toy = Toy(tied: false)
    let names = toy.names { $0.contains("layers.1.mlp") }
    let units = DecoderUnits(toy.configuration, training: names)
    let input = toy.input(rows: 0..<1)
    let shards = toy.shards(rank: 0, worldSize: 1, units)
    let pager = UnitPager(shards, units, group: .single)
    let walker = Walker(toy.decoder, policy: .recompute)
    func loss(_ pager: UnitPager) throws -> Double {
      try walker.loss(input, .fakeQuantized(scheme), pager: pager).item
    }
    let before = try loss(pager)
    shards[units.block(1)].trained.flat.multiplyInPlace(1.5)
    try pager.reset()
    let after = try loss(pager)
    #expect(after != before)
    #expect(try after == loss(UnitPager(shards, units, group: .single)))
  }
}
