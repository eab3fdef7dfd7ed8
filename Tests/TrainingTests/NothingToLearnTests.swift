// Data of which nothing is left to learn is refused before training, and what is cut or masked is counted.
import Datasets
import Essentials
import Foundation
import Testing

@Suite struct NothingToLearnTests {
  @Test func allLabelsMaskedIsRefused() throws {
    try TrainingFolder.with { folder in
      // What would be learned comes after the instruction, which fills the sample.
      let record: JSON = [
        "instruction": .string(String(repeating: "word ", count: 500)), "input": "", "output": "x",
      ]
      try folder.write(JSON.array(Array(repeating: record, count: 8)).text(), to: "long.json")
      let error = try #require(throws: TuneError.self) {
        try folder.train([
          "dataset.data_files=\(folder.path)/long.json", "dataset.train_on_input=False",
          "tokenizer.max_seq_len=32",
        ])
      }
      #expect(
        error.description.contains("nothing to learn from: none of the 8 samples has a label"),
        "\(error)")
      #expect(error.location.key?.hasPrefix("dataset") == true)
      #expect(!folder.exists("out/epoch_0"))
    }
  }

  @Test func samplesAreCounted() throws {
    let samples: [Sample] = [
      Sample(tokens: [1, 2, 3], labels: [-100, 2, 3]), Sample(tokens: [1, 2], labels: [1, -100]),
      Sample(tokens: [], labels: []), Sample(tokens: [1, 2, 3, 4], labels: [-100, -100, -100, 4]),
    ]
    let survey = try DatasetSurvey(Listed(samples: samples), limit: 5)
    #expect(survey.count == 4 && survey.seen == 4)
    #expect(survey.withoutLabels == 2 && survey.atLimit == 1)
    let some = try DatasetSurvey(Listed(samples: samples), limit: nil, sampleCount: 2)
    #expect(some.seen == 2 && some.withoutLabels == 1 && some.atLimit == 0)
    #expect(some.bytes != survey.bytes)
  }
}

private struct Listed: TextDataset {
  var samples: [Sample]
  let isPacked = false
  var count: Int { samples.count }
  func sample(at index: Int) throws -> Sample { samples[index] }
}
