// What a step leaves out of a batch: tokens after a row's last label, and nothing else.
import Datasets
import Testing

@Suite struct StepTokensTests {
  private func sample(_ count: Int, labelled: Range<Int>, segments: [Int]? = nil) -> Sample {
    let tokens = (0..<count).map { Int32($0 + 1) }
    var sample = Sample(
      tokens: tokens,
      labels: (0..<count).map { labelled.contains($0) ? tokens[$0] : ignoreIndex })
    if let segments {
      sample.sequenceLengths = segments
      sample.positions = segments.flatMap { (0..<$0).map(Int32.init) }
    }
    return sample
  }

  @Test func rowsOfOneLengthStayRows() {
    let step = Batch([sample(5, labelled: 2..<5), sample(5, labelled: 0..<5)], padID: 0).step
    // The last token of a row predicts nothing.
    #expect(step.rowCount == 2 && step.segments == nil)
    #expect(step.tokens == [1, 2, 3, 4, 1, 2, 3, 4])
    #expect(step.labels == [-100, 3, 4, 5, 2, 3, 4, 5])
    #expect(step.positions == [0, 1, 2, 3, 0, 1, 2, 3])
  }

  @Test func paddingAndUnlabelledTailsGo() {
    let step = Batch([sample(6, labelled: 1..<3), sample(4, labelled: 3..<4)], padID: 0).step
    #expect(step.rowCount == 1 && step.segments == [2, 3])
    #expect(step.tokens == [1, 2, 1, 2, 3])
    #expect(step.labels == [2, 3, -100, -100, 4])
    #expect(step.positions == [0, 1, 0, 1, 2])
  }

  @Test func aRowWithoutLabelsKeepsAToken() {
    let step = Batch([sample(3, labelled: 0..<0), sample(3, labelled: 1..<3)], padID: 0).step
    #expect(step.segments == [1, 2] && step.labels == [-100, 2, 3])
  }

  @Test func packsAreCutInsideTheirSegments() {
    let batch = Batch(
      [
        sample(7, labelled: 0..<5, segments: [3, 4]), sample(7, labelled: 0..<3, segments: [4, 3]),
      ],
      padID: 0)
    let step = batch.step
    #expect(step.rowCount == 1 && step.segments == [3, 1, 2])
    #expect(step.positions == [0, 1, 2, 0, 0, 1])
    #expect(step.labels.count { $0 != ignoreIndex } == batch.shiftedLabels().count { $0 != -100 })
  }
}
