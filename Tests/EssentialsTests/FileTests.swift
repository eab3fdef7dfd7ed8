// What stands in the place of a file, and what is left of earlier programs.
import Essentials
import Foundation
import Testing

@Suite struct FileTests {
  private func folder() throws -> String {
    let path = FileManager.default.temporaryDirectory
      .appendingPathComponent("file-tests-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }
  private func thrown(_ body: () throws -> Void) -> TuneError? {
    do { try body() } catch { return error as? TuneError }
    return nil
  }

  /// A test that waits for ever shows that one does.
  @Test func whatIsNoFileIsRefusedAtOnce() throws {
    let folder = try folder()
    #expect(mkfifo(folder + "/pipe", 0o600) == 0)
    let kinds = [folder + "/pipe": "named pipe", folder: "folder", "/dev/zero": "device"]
    for (path, kind) in kinds {
      for open in [
        { _ = try RegularFile.open(path) }, { _ = try MappedFile(path: path) },
        { _ = try JSON.load(path: path) }, { _ = try RegularFile.read(path) },
      ] {
        let error = try #require(thrown(open))
        #expect(error.message.contains(kind) && error.location.file == path)
      }
    }
  }

  @Test func aPointerOfGitLFSIsNamed() throws {
    let path = try folder() + "/model.safetensors"
    let oid = String(repeating: "0", count: 64)
    let text = "version https://git-lfs.github.com/spec/v1\noid sha256:\(oid)\nsize 12345\n"
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    let error = try #require(thrown { _ = try MappedFile(path: path) })
    #expect(error.message.contains("Git LFS pointer"))
    #expect(error.remedy?.contains("git lfs pull") == true)
    try ("{\"a\": \"" + text.dropFirst(3)).write(toFile: path, atomically: true, encoding: .utf8)
    _ = try MappedFile(path: path)
  }

  @Test func theHomeFolderIsExpanded() {
    let home = ProcessInfo.processInfo.environment["HOME"] ?? ""
    #expect("~/a/b".expandingHome() == home + "/a/b" && "~".expandingHome() == home)
    let own = getpwuid(getuid())
    if let own {
      let (user, folder) = (
        String(cString: own.pointee.pw_name), String(cString: own.pointee.pw_dir)
      )
      #expect("~\(user)/a".expandingHome() == folder + "/a")
    }
    for path in ["a/~/b", "", "~no-such-user/a", "./~"] { #expect(path.expandingHome() == path) }
  }

  @Test func namesAreSummarizedByTheirKinds() {
    let names = (0..<181).flatMap { ["layers.\($0).up.weight", "layers.\($0).down.weight"] }
    #expect(
      nameSummary(names + ["head"])
        == "181 of 'layers.*.up.weight', 181 of 'layers.*.down.weight', 'head'")
    #expect(nameSummary(["layers.3.up"]) == "'layers.3.up'")
    #expect(nameSummary((0..<9).map { "n\($0)" }, limit: 2) == "'n0', 'n1' and 7 more")
  }

  @Test func valuesAndElementsAreBounded() throws {
    var limits = JSONLimits(elements: 3)
    func parse(_ text: String) throws {
      try Array(text.utf8).withUnsafeBytes { _ = try JSON.parse($0, limits: limits) }
    }
    try parse("[1,2,3]")
    #expect(thrown { try parse("[1,2,3,4]") }?.message.contains("more than 3 elements") == true)
    limits.values = 5
    try parse("{\"a\":[1,2,3]}")
    #expect(thrown { try parse("{\"a\":[1,2,3],\"b\":4}") }?.message.contains("5 values") == true)
  }

  /// By number a leftover of a zombie, or of a number that was given anew, looks alive.
  @Test func leftoversAreRemoved() throws {
    let folder = try folder()
    func make(_ name: String) throws {
      try Data([1]).write(to: URL(fileURLWithPath: folder + "/" + name))
    }
    for name in ["a.partial-1", "a.partial-x", "b.partial-99999-old", "c", "c.partial-7-old"] {
      try make(name)
    }
    // Process 1 lives, but began before the file was last written only where the file is newer.
    utimes(folder + "/a.partial-1", [timeval(), timeval()])
    PartialPath.removeAbandoned(for: folder + "/a")
    let left = { try FileManager.default.contentsOfDirectory(atPath: folder).sorted() }
    #expect(try left() == ["a.partial-x", "b.partial-99999-old", "c", "c.partial-7-old"])
    try make("a.partial-1")
    PartialPath.removeAbandoned(for: folder + "/a")
    #expect(try left().contains("a.partial-1"))
    // Who has the folder's lock knows that nobody writes. What was put aside comes back.
    PartialPath.removeAll(in: folder)
    #expect(try left() == ["a.partial-x", "b", "c"])
  }

  @Test func aLockIsGivenOnce() throws {
    let folder = try folder()
    let first = try #require(FolderLock.take(folder))
    #expect(FolderLock.take(folder) == nil)
    close(first)
    close(try #require(FolderLock.take(folder)))
  }

  @Test func aMappedFileThatIsCutIsAnError() async throws {
    let result = await #expect(processExitsWith: .exitCode(1), observing: [\.standardErrorContent])
    {
      let path = FileManager.default.temporaryDirectory
        .appendingPathComponent("cut-\(getpid())").path
      try Data(count: 1 << 20).write(to: URL(fileURLWithPath: path))
      let mapped = try MappedFile(path: path)
      truncate(path, 10)
      unlink(path)
      _exit(Int32(mapped.bytes[1 << 19]) + 7)
    }
    let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(text.contains("the file became shorter while it was read"))
  }
}
