// A recipe as a Swift package of one's own: where it is, and how it is built and started.
import Essentials
import Foundation

struct RecipePackage {
  let folder: String

  init(_ folder: String) { self.folder = folder }

  /// Whether a word names the folder of a package.
  static func isThere(_ word: String) -> Bool {
    FileManager.default.fileExists(
      atPath: word + "/Package.swift")
  }

  /// The folder's name as that of a package, a product and a module: letters, digits and `_`.
  static func name(of folder: String) -> String? {
    let name = URL(fileURLWithPath: folder).standardizedFileURL.lastPathComponent
    let isName =
      name.first.map { $0.isASCII && ($0.isLetter || $0 == "_") } ?? false
      && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
    return isName ? name : nil
  }

  /// Builds the product that is named like the folder.
  /// - Returns: the path of the executable.
  /// - Throws: `TuneError` with the compiler's output.
  func build(verbose: Bool) throws -> String {
    guard let name = Self.name(of: folder) else {
      throw TuneError(
        .usage, "invalid recipe name '\(folder)'",
        remedy: "Use letters, digits and _, starting with a letter.")
    }
    StandardStreams.error("Building \(name); the first build takes minutes.\n")
    let arguments = ["build", "-c", "release", "--package-path", folder, "--product", name]
    let bar = verbose ? nil : ProgressBar(label: "Building", total: 0, unit: "build steps")
    let output = try Self.swift(arguments, showsOutput: verbose) { line in
      if let (done, total) = Self.progress(line) { bar?.move(to: done, of: total) }
    }
    bar?.finish()
    guard output.code == 0 else {
      throw TuneError(
        .configuration, "the recipe does not build\n" + (verbose ? "" : output.text),
        remedy: "Correct its sources, or copy the recipe again.", at: .init(file: folder))
    }
    let place = try Self.swift(arguments + ["--show-bin-path"], showsOutput: false)
    let path = place.text.split(separator: "\n").last.map(String.init) ?? ""
    let product = path + "/" + name
    guard FileManager.default.isExecutableFile(atPath: product) else {
      throw TuneError(
        .missingFile, "the package has no executable '\(name)'",
        remedy: "Name a product of Package.swift like the folder.", at: .init(file: folder))
    }
    return product
  }

  /// The numbers of a line of the build such as `[12/340] Compiling ...`.
  static func progress(_ line: Substring) -> (done: Int, total: Int)? {
    guard line.first == "[", let end = line.firstIndex(of: "]") else { return nil }
    let numbers = line[line.index(after: line.startIndex)..<end].split(separator: "/")
    guard numbers.count == 2, let done = Int(numbers[0]), let total = Int(numbers[1]), done >= 0,
      total >= done
    else { return nil }
    return (done, total)
  }

  private static func swift(
    _ arguments: [String], showsOutput: Bool, sawLine: (Substring) -> Void = { _ in }
  ) throws -> (text: String, code: Int32) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["swift"] + arguments
    process.standardInput = FileHandle.nullDevice
    let pipe = Pipe()
    if !showsOutput { (process.standardOutput, process.standardError) = (pipe, pipe) }
    do {
      try process.run()
    } catch {
      throw TuneError(.missingFile, "cannot start `swift`", cause: error)
    }
    if !showsOutput { try? pipe.fileHandleForWriting.close() }
    let text = showsOutput ? "" : lines(pipe.fileHandleForReading, sawLine)
    process.waitUntilExit()
    if process.terminationStatus == 127 {
      throw TuneError(
        .missingFile, "`swift` not found on PATH",
        remedy: "Custom recipes need Swift 6.2 or later: https://swift.org/install")
    }
    return (text, process.terminationStatus)
  }

  /// All that is written there, each line handed out as it comes.
  private static func lines(_ source: FileHandle, _ sawLine: (Substring) -> Void) -> String {
    var (text, unfinished) = ("", Data())
    while case let more = source.availableData, !more.isEmpty {
      unfinished.append(more)
      guard let end = unfinished.lastIndex(of: UInt8(ascii: "\n")) else { continue }
      let whole = String(decoding: unfinished[...end], as: UTF8.self)
      unfinished = Data(unfinished[(end + 1)...])
      whole.split(separator: "\n").forEach(sawLine)
      text += whole
    }
    return text + String(decoding: unfinished, as: UTF8.self)
  }

  /// The process goes on as the recipe's program; it returns only where that cannot be started.
  static func replaceProcess(with executable: String, _ arguments: [String]) throws -> Int32 {
    let words = ([executable] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    execv(executable, words)
    throw TuneError(
      .missingFile, "cannot start the recipe: \(String(cString: strerror(errno)))",
      at: .init(file: executable))
  }
}
