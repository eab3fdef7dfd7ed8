// Ranks that cannot meet: an error that names the host, in the time that they were given.
import Essentials
import Sharding
import TestSupport
import Testing

@Suite struct RendezvousTests {
  private func meeting(_ host: String, rank: Int) throws -> TuneError {
    try tuneError {
      _ = try ProcessGroup.gloo(
        host: host, port: freePort(), rank: rank, worldSize: 2, rendezvousTimeout: 1)
    }
  }

  @Test func aHostThatDoesNotExistIsNamed() throws {
    let error = try meeting("no-such-host.invalid", rank: 1)
    #expect(error.message.contains("'no-such-host.invalid'"), "\(error)")
  }

  @Test(arguments: [0, 1]) func aNodeThatNeverComesIsMissed(rank: Int) throws {
    let error = try meeting("127.0.0.1", rank: rank)
    #expect(
      error.message.contains("127.0.0.1:") && error.message.contains("within 1 s"), "\(error)")
    #expect(!error.description.contains("frame #") && error.remedy?.contains("node") == true)
  }
}
