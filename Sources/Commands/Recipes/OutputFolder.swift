// A folder that a run will write to is tried before the weights are read, not at the first save.
import Checkpoints
import Configuration
import Essentials
import Foundation

/// - Throws: `TuneError` `.disk` where what `key` names is there and is no folder: the model that is to take
///   its place could not.
func refuseFile<Value>(at path: String, _ section: Section, _ key: Key<Value>) throws {
  var isFolder: ObjCBool = false
  guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue
  else { return }
  throw TuneError(
    .disk, "cannot write to the folder '\(path)': a file of this name is there",
    remedy: "Choose another folder, or remove the file.", at: section.location(of: key))
}

/// Makes the folder that `key` names and writes a file in it for a moment.
/// - Throws: `TuneError` `.disk`.
func prepareFolder<Value>(_ path: String, _ section: Section, _ key: Key<Value>) throws {
  do {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    let trial = URL(fileURLWithPath: path + "/.writable-\(UUID().uuidString)")
    try Data([0]).write(to: trial)
    try FileManager.default.removeItem(at: trial)
  } catch {
    throw TuneError(
      .disk, "cannot write to the folder '\(path)'",
      remedy: "Choose another folder, or make this one writable.", at: section.location(of: key),
      cause: SystemReason(error))
  }
}

/// The folders that a run writes to, which no other run may write to meanwhile. What earlier runs left there
/// unfinished is removed.
final class OutputLock {
  private var descriptors: [Int32] = []
  /// Folders that were not there before; they go again where nothing was written.
  private var made: [String] = []

  /// - Throws: `TuneError` `.disk` where a folder cannot be made, or another run has it.
  init(_ folders: (section: Section, key: Key<String>)...) throws {
    var seen: Set<String> = []
    for (section, key) in folders {
      let path = section[key]
      if !FileManager.default.fileExists(atPath: path) { made.append(path) }
      try prepareFolder(path, section, key)
      guard seen.insert(URL(fileURLWithPath: path).resolvingSymlinksInPath().path).inserted else {
        continue
      }
      guard let descriptor = FolderLock.take(path) else {
        release()
        throw TuneError(
          .disk, "another run is writing to the folder '\(path)'",
          remedy: "Choose another output_dir, or wait until that run ends.",
          at: section.location(of: key))
      }
      descriptors.append(descriptor)
      PartialPath.removeAll(in: path)
      PartialPath.removeAll(in: RecipeStateFile.path(in: path).parentFolder)
    }
  }

  func release() {
    // Only an empty folder can be removed so.
    for path in made { rmdir(path) }
    for descriptor in descriptors { close(descriptor) }
    (descriptors, made) = ([], [])
  }
}
