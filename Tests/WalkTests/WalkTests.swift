// The constitution of the walk: it equals the ordinary whole-graph gradient bit for bit in one
// process, and within a stated distance over several.
import Essentials
import Layers
import Quantization
import Sharding
import Synchronization
import Tensors
import Testing

@testable import Training

private let fakeQuantized = LinearNumerics.fakeQuantized(QuantizationScheme(groupSize: 32))
private let simulated = LinearNumerics.simulated(QuantizationScheme(groupSize: 32))
private let weightOnly = LinearNumerics.fakeQuantized(.weightOnly(groupSize: 32))

@Suite struct WalkTests {
  @Test(arguments: [false, true], [BlockPolicy.recompute, .keep, .offload])
  func equalsTheWholeGraph(tied: Bool, policy: BlockPolicy) throws {
    for dtype in [DType.float32, .bfloat16] {
      for numerics in [LinearNumerics.exact, fakeQuantized, simulated, weightOnly] {
        let toy = Toy(tied: tied, dtype: dtype)
        let input = toy.input(rows: 0..<2)
        let truth = toy.wholeGraph(input, numerics, seed: 1.0 / 40)
        let walked = try walk(toy, input, numerics, seed: 1.0 / 40, policy: policy)
        #expect(walked.loss.isFinite && walked.loss > 0)
        // Chunk losses are added last first; in fp32 the order of eight terms is worth an ulp.
        #expect(abs(walked.loss - truth.loss) <= 1e-6 * truth.loss)
        for (index, (ours, theirs)) in zip(walked.gradients, truth.gradients).enumerated() {
          #expect(
            ours.isEqual(to: theirs),
            "gradient \(index), tied \(tied), \(dtype), \(numerics): \(ours.largestDifference(from: theirs))"
          )
        }
      }
    }
  }

  /// Plans with other schemes for the head and a rounded embedding; integer products beside numbers.
  @Test(arguments: [false, true], ["8da4w-xnnpack", "gguf-q4_0", "mlx-4bit", "w4a8", "nvfp4"])
  func plansEqualTheWholeGraph(tied: Bool, name: String) throws {
    let preset = try #require(QuantizationPreset(rawValue: name))
    let plan = preset.plan(groupSize: preset.groupSizes.contains(32) ? 32 : nil)
    for worldSize in [1, 2] {
      try ProcessGroup.inProcess(worldSize: worldSize) { group in
        let toy = Toy(tied: tied)
        let rows = group.rank..<group.rank + 1
        let numerics = LinearNumerics.fakeQuantized(plan)
        let walked = try walk(
          toy, toy.input(rows: rows), numerics, seed: 1.0 / 40, policy: .recompute, group: group)
        guard worldSize == 1 else {
          let alone = try walk(
            toy, toy.input(rows: 0..<2), numerics, seed: 1.0 / 40, policy: .recompute)
          // Sums over two ranks are other sums in fp32.
          #expect(abs(walked.loss - alone.loss) < 1e-5 * alone.loss)
          for (ours, theirs) in zip(walked.gradients, alone.gradients) {
            #expect(ours.largestDifference(from: theirs) < 1e-4)
          }
          return
        }
        let truth = toy.wholeGraph(toy.input(rows: rows), numerics, seed: 1.0 / 40)
        for (index, (ours, theirs)) in zip(walked.gradients, truth.gradients).enumerated() {
          #expect(
            ours.isEqual(to: theirs),
            "\(name), gradient \(index): \(ours.largestDifference(from: theirs))")
        }
        let exact = toy.wholeGraph(toy.input(rows: rows), .exact, seed: 1.0 / 40)
        #expect(exact.loss != truth.loss)
      }
    }
  }

  /// Shards in host memory: the CPU stands for a device that is another than the host.
  @Test(arguments: [1, 2], [BlockPolicy.recompute, .keep])
  func shardsAtTheHostChangeNothing(worldSize: Int, policy: BlockPolicy) throws {
    for numerics in [LinearNumerics.exact, fakeQuantized, simulated, weightOnly] {
      for tied in [false, true] {
        try ProcessGroup.inProcess(worldSize: worldSize) { group in
          let toy = Toy(tied: tied)
          let input = toy.input(rows: group.rank..<group.rank + 1)
          let (there, here) = try (
            walk(toy, input, numerics, seed: 1.0 / 40, policy: policy, group: group),
            walk(
              toy, input, numerics, seed: 1.0 / 40, policy: policy, group: group,
              placement: .host(.cpu))
          )
          #expect(here.loss == there.loss)
          #expect(here.mostWholeUnits <= max(2, there.mostWholeUnits))
          for (index, (ours, theirs)) in zip(here.gradients, there.gradients).enumerated() {
            #expect(
              ours.isEqual(to: theirs), "gradient \(index), tied \(tied), \(numerics), \(policy)")
          }
        }
      }
    }
  }

  @Test func packedRowsAttendWithinTheirSamples() throws {
    let toy = Toy(tied: false)
    // One row of two samples equals the two samples in rows of their own.
    let packed = toy.input(rows: 0..<1, packed: [[10, 14]])
    let truth = toy.wholeGraph(packed, fakeQuantized, seed: 1)
    let walked = try walk(toy, packed, fakeQuantized, seed: 1, policy: .recompute)
    for (ours, theirs) in zip(walked.gradients, truth.gradients) {
      #expect(ours.isEqual(to: theirs))
    }
    let unrestricted = toy.wholeGraph(toy.input(rows: 0..<1), fakeQuantized, seed: 1)
    #expect(unrestricted.loss != truth.loss)
  }

  /// Sums over ranks are taken in another order than over a batch: fp32 rounding, and an activation
  /// that falls on the other side of a rounding step, which moves it by a 255th of its range.
  @Test(arguments: [2, 4], [BlockPolicy.recompute, .keep])
  func ranksEqualOneProcess(worldSize: Int, policy: BlockPolicy) throws {
    for (tied, numerics, bound) in [
      (true, LinearNumerics.exact, 1e-5), (false, .exact, 1e-5), (true, fakeQuantized, 1e-4),
      (false, fakeQuantized, 1e-4), (true, simulated, 1e-4), (true, weightOnly, 1e-5),
      (false, weightOnly, 1e-5),
    ] {
      let truth = Toy(tied: tied).wholeGraph(
        Toy(tied: tied).input(rows: 0..<4), numerics, seed: 1.0 / 70)
      try ProcessGroup.inProcess(worldSize: worldSize) { group in
        let toy = Toy(tied: tied)
        let rows = 4 / worldSize
        let input = toy.input(rows: group.rank * rows..<(group.rank + 1) * rows)
        let walked = try walk(
          toy, input, numerics, seed: 1.0 / 70, policy: policy, group: group)
        #expect(abs(walked.loss - truth.loss) <= 1e-6 * truth.loss)
        #expect(walked.mostWholeUnits <= 2)
        for (index, (ours, theirs)) in zip(walked.gradients, truth.gradients).enumerated() {
          let scale = theirs.abs().amax().item
          #expect(
            ours.largestDifference(from: theirs) <= bound * scale, "gradient \(index) \(numerics)")
        }
      }
    }
  }

  @Test func anOverflowingActivationIsNamed() throws {
    let toy = Toy(tied: false)
    var shards = toy.shards(rank: 0, worldSize: 1)
    let unit = toy.units.block(1)
    let up = shards[unit].trained.layout.pieces[7]
    shards[unit].trained.flat.narrow(0, from: up.offset, count: 96).fill(.infinity)
    let found = try Walker(toy.decoder, policy: .recompute).firstNonFinite(
      toy.input(rows: 0..<1), .exact, pager: UnitPager(shards, toy.units, group: .single))
    #expect(found?.hasPrefix("layer 1, input of mlp.down_proj, row") == true)
    shards = toy.shards(rank: 0, worldSize: 1)
    let none = try Walker(toy.decoder, policy: .recompute).firstNonFinite(
      toy.input(rows: 0..<1), .exact, pager: UnitPager(shards, toy.units, group: .single))
    #expect(none == nil)
  }
}
