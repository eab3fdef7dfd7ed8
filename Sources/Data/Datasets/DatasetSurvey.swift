// A look at a dataset before a run: what some of its samples are, how many of them teach nothing or were
// cut, and their tokens, by which two machines' data can be compared.
import Essentials

package struct DatasetSurvey: Sendable {
  /// Samples of the dataset, and of those how many were looked at.
  package let count: Int
  package private(set) var seen = 0
  /// Of those seen: without a label that a token before it predicts.
  package private(set) var withoutLabels = 0
  /// Of those seen: as long as samples may be, so that their ends may have been cut off.
  package private(set) var atLimit = 0
  /// Of a packed dataset all samples that its packs were made of; nil for others.
  package let packing: PackingCounts?
  /// Count and tokens and labels of the samples seen.
  package private(set) var bytes: [UInt8]

  /// - Parameters:
  ///   - limit: how many tokens a sample may have; nil for any number.
  ///   - sampleCount: how many samples are looked at, all over the dataset, or at the beginning of one that is
  ///     streamed.
  /// - Throws: `TuneError` for a sample that cannot be made.
  package init(_ dataset: any TextDataset, limit: Int?, sampleCount: Int = 256) throws {
    count = dataset.count
    packing = dataset.packing
    bytes = Array("\(count)".utf8)
    let looks = min(count, sampleCount)
    if let stream = dataset as? any StreamedDataset {
      let reader = try stream.reader(epoch: 0)
      for _ in 0..<looks {
        guard let pending = try reader.next() else { break }
        add(try pending.make(), limit: limit)
      }
    } else {
      for look in 0..<looks {
        let index = looks == count ? look : count / looks * look
        add(
          try dataset.sample(at: index), limit: dataset.isPacked ? nil : limit)
      }
    }
  }

  private mutating func add(_ sample: Sample, limit: Int?) {
    seen += 1
    if !sample.teaches { withoutLabels += 1 }
    if let limit, sample.mayBeCut(at: limit) { atLimit += 1 }
    for values in [sample.tokens, sample.labels] {
      values.withUnsafeBytes { bytes += $0 }
    }
  }
}

extension Sample {
  /// It has a label that a token before it predicts.
  var teaches: Bool { labels.dropFirst().contains { $0 != ignoreIndex } }
  /// Datasets of text leave room for one more token.
  func mayBeCut(at limit: Int) -> Bool { tokens.count >= limit - 1 }
}
