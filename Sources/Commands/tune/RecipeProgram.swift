// The program that runs built-in recipes, `tune-worker`: it lies beside `tune`, which itself is not
// linked with libtorch and so starts at once.
import Essentials
import Foundation

enum RecipeProgram {
  /// Links to `tune` are followed.
  /// - Throws: `TuneError` `.missingFile`.
  static func path() throws -> String {
    let own = Bundle.main.executablePath ?? CommandLine.arguments[0]
    let path = URL(fileURLWithPath: own).resolvingSymlinksInPath().deletingLastPathComponent()
      .appendingPathComponent("tune-worker").path
    guard FileManager.default.isExecutableFile(atPath: path) else {
      throw TuneError(
        .missingFile, "tune-worker not found",
        remedy: "Install tune and tune-worker in the same folder.",
        at: .init(file: path))
    }
    return path
  }
}
