// Where the output of workers goes besides the console: torchrun's --log_dir, --redirects and
// --tee. Every worker has its own folder, `<log_dir>/[<rdzv_id>/]<local rank>`, with stdout.log
// and stderr.log.
import Essentials

package struct LaunchLogs: Sendable, Equatable {
  package enum Stream: Int, Sendable, CaseIterable {
    case stdout = 1
    case stderr = 2
    var fileName: String { self == .stdout ? "stdout.log" : "stderr.log" }
  }

  package let folder: String
  /// Streams that go to their file only.
  let redirects: Selection
  /// Streams that go to their file and to the console.
  let tee: Selection

  /// torchrun's `3`, or `0:1,1:2` a rank: the sum of 1 for stdout and 2 for stderr.
  struct Selection: Sendable, Equatable {
    var everyRank = 0
    var byRank: [Int: Int] = [:]

    func contains(_ stream: Stream, rank: Int) -> Bool {
      (byRank[rank] ?? everyRank) & stream.rawValue != 0
    }
  }

  /// Nil when no logs are asked for.
  init?(_ options: LaunchOptions) throws {
    guard let folder = options.logFolder else {
      guard
        let option = options.redirects.map({ "--redirects \($0)" })
          ?? options.tee.map({ "--tee \($0)" })
      else { return nil }
      throw LaunchPlan.usage("\(option) needs --log_dir", remedy: "Name a folder for the logs.")
    }
    self.folder = options.runID.map { folder + "/" + $0 } ?? folder
    redirects = try Self.selection(options.redirects, "--redirects")
    // A folder alone asks for logs of everything, and hides nothing from the console.
    let isFolderAlone = options.redirects == nil && options.tee == nil
    tee = isFolderAlone ? Selection(everyRank: 3) : try Self.selection(options.tee, "--tee")
  }

  private static func selection(_ text: String?, _ option: String) throws -> Selection {
    guard let text else { return Selection() }
    if let every = Int(text), (0...3).contains(every) { return Selection(everyRank: every) }
    var selection = Selection()
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let numbers = part.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
      guard numbers.count == 2, let rank = numbers[0], rank >= 0, let streams = numbers[1],
        (0...3).contains(streams)
      else {
        throw LaunchPlan.usage(
          "\(option) \(text): must be 0 to 3, or rank:streams pairs such as 0:1,1:2")
      }
      selection.byRank[rank] = streams
    }
    return selection
  }

  /// The file of a worker's stream, and whether the console has it too; nil for no file.
  func file(for stream: Stream, localRank: Int) -> (path: String, isAlsoShown: Bool)? {
    let isTeed = tee.contains(stream, rank: localRank)
    guard isTeed || redirects.contains(stream, rank: localRank) else { return nil }
    return ("\(folder)/\(localRank)/\(stream.fileName)", isTeed)
  }
}
