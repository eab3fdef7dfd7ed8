// Over TLS: a certificate that nothing vouches for is refused before a token is sent, and SSL_CERT_FILE
// can vouch for it.
import Essentials
import Foundation
import TestHub
import TestSupport
import Testing

@testable import Hub

struct CertificateTests {
  private static func fixture(_ name: String) throws -> String {
    try #require(Bundle.module.resourceURL).appendingPathComponent("Fixtures/" + name).path
  }

  /// A process that speaks TLS before the hub, as long as `body` runs.
  private func withTLS(before hub: TestHub, _ body: (_ endpoint: String) async throws -> Void)
    async throws
  {
    let port = try #require(URL(string: hub.endpoint)?.port)
    let (process, output, _) = try Program.start(
      "/usr/bin/env",
      ["python3", try Self.fixture("tls_front.py"), try Self.fixture("localhost.pem"), "\(port)"])
    // Children inherit that tasks' threads block SIGTERM.
    defer { kill(process.processIdentifier, SIGKILL) }
    let text = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
    let own = try #require(Int(text.trimmingCharacters(in: .whitespacesAndNewlines)))
    try await body("https://127.0.0.1:\(own)")
  }

  @Test func onlyTrustedCertificatesAreTalkedTo() async throws {
    let repository = HubRepository("a/b", ["config.json": HubFile("{}")])
    try await inFolder { home in
      try await TestHub.serving([repository]) { hub in
        try await withTLS(before: hub) { endpoint in
          func information(_ environment: [String: String]) async throws -> String {
            let settings = try HubSettings.test(
              hub, home: home, token: TestHub.token,
              environment.merging(["HF_ENDPOINT": endpoint]) { $1 })
            return try await HubClient.use(settings) {
              try await $0.commit(of: try Repository("a/b"))
            }
          }
          let refused = await #expect(throws: TuneError.self) { try await information([:]) }
          #expect(refused?.message.contains("cannot verify the certificate of 127.0.0.1") == true)
          #expect(hub.requests.isEmpty)
          let file = try Self.fixture("localhost.pem")
          #expect(try await information(["SSL_CERT_FILE": file]) == repository.commit)
        }
      }
    }
  }
}
