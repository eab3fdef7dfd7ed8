// A model's config.json, broken by a seed: a decoder comes of it or an error, never a trap.
import Checkpoints
import Essentials
import Foundation
import Layers
import TestSupport
import Testing

@Suite struct ConfigJSONMutationTests {
  @Test func brokenConfigurationsAreReadOrRefused() throws {
    try TrainingFolder.with { folder in
      let whole = try Data(
        contentsOf: URL(fileURLWithPath: fixturePath("CheckpointsTests/Fixtures/nano/config.json")))
      let path = folder.path + "/config.json"
      var random = MersenneTwister(seed: 36)
      var refused = 0
      for _ in 0..<1500 {
        try Data(mutate(Array(whole), &random)).write(to: URL(fileURLWithPath: path))
        do {
          _ = try ModelConfigurationFile(path: path).decoder.specification
        } catch {
          #expect(error is TuneError)
          refused += 1
        }
      }
      #expect(refused > 200 && refused < 1490)
    }
  }
}
