// The secret that the nodes of a run share, and what is proved with it: HMAC-SHA256 over numbers that are used
// once. The secret itself never leaves a process.
import CCrypto
import Essentials
import Foundation

package struct SharedSecret: Sendable, Equatable {
  package static let variable = "SWIFT_TUNE_SECRET"
  /// Whoever listens to a handshake can try secrets against it, without limit.
  private static let leastCount = 16
  private let bytes: [UInt8]

  /// For nodes that are all on one machine, behind loopback.
  static let none = SharedSecret(bytes: [])
  private init(bytes: [UInt8]) { self.bytes = bytes }

  /// - Throws: `TuneError` `.usage`, which does not repeat the secret.
  init(_ text: String, from place: String) throws {
    bytes = Array(text.trimmingCharacters(in: .whitespacesAndNewlines).utf8)
    guard bytes.count >= Self.leastCount else {
      throw TuneError(
        .usage, "the secret of \(place) has fewer than \(Self.leastCount) characters",
        remedy: "Make one with: openssl rand -hex 32")
    }
  }

  var isNone: Bool { bytes.isEmpty }

  /// 32 bytes.
  func proof(of parts: [UInt8]...) -> [UInt8] { Self.code(parts.flatMap(\.self), key: bytes) }

  /// HMAC-SHA256, 32 bytes.
  static func code(_ message: [UInt8], key: [UInt8]) -> [UInt8] {
    var code = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var count: UInt32 = 0
    // A key without bytes must still have an address.
    let made = HMAC(
      EVP_sha256(), key.isEmpty ? [0] : key, Int32(key.count), message, message.count, &code,
      &count)
    precondition(made != nil && count == 32, "libcrypto has no HMAC-SHA256")
    return Array(code.prefix(32))
  }

  /// In a time that does not tell where they differ.
  static func areEqual(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    a.count == b.count && CRYPTO_memcmp(a, b, a.count) == 0
  }

  static func randomBytes(_ count: Int) -> [UInt8] {
    var random = SystemRandomNumberGenerator()
    return (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
  }
}
