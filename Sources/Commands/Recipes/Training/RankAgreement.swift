// All ranks run one configuration on the same data and weights: when they meet, each compares digests of
// its own with rank 0's. What differs would otherwise be trained on in silence, or waited for without end.
import Catalog
import Checkpoints
import Configuration
import Datasets
import Essentials
import Foundation
import Sharding
import Tensors
import WeightFiles

/// Every rank must call it.
/// - Throws: on every rank the same `TuneError`, which names the rank and the keys that differ.
/// - Parameter versions: of the programs that a rank runs on.
func requireSameConfiguration(
  _ c: ValidatedConfiguration, _ group: ProcessGroup, versions: [String: String] = ownVersions
) throws {
  guard group.worldSize > 1 else { return }
  var digests = c.valueDigests().filter { !isPlaceOrReport($0.key) && !isInput($0.key) }
  digests["recipe"] = c.recipe.rawValue
  // First, since another version may know other keys.
  try requireAgreement(
    versions, group, on: "the program", remedy: "Install the same version of tune on every node.")
  try requireAgreement(
    digests, group, on: "the configuration",
    remedy: "Start every node with the same recipe, configuration and overrides.")
}

let ownVersions = [
  "version(tune)": ProgramVersion.current, "version(libtorch)": Devices.libraryVersion,
]

/// Where inputs are may differ from machine to machine: it is their content that must not.
private func isInput(_ key: String) -> Bool {
  let inputs = [
    "checkpoint_dir", "path", "merges_file", "special_tokens_path", "data_files", "data_dir",
    "tokenizer_json_path", "tokenizer_config_json_path", "generation_config_path",
  ]
  return key.split(separator: ".").contains { inputs.contains(String($0)) }
}

/// Every rank must call it.
/// - Throws: on every rank the same `TuneError`, which names the rank and what differs.
func requireSameInputs(
  checkpoint: ModelFolder, saved: SavedRun?, data: [DatasetSurvey], _ group: ProcessGroup
) throws {
  guard group.worldSize > 1 else { return }
  var digests = contentDigests(data)
  digests["checkpointer.checkpoint_dir"] = try checkpoint.outline()
  digests["recipe_state"] = saved?.file.metadata["digest"]
  try requireAgreement(
    digests, group, on: "the input",
    remedy: "Give every node the same files.")
}

/// Of training and validation data.
func contentDigests(_ surveys: [DatasetSurvey]) -> [String: String] {
  let names = [Keys.dataset.name, Keys.validationDataset.name]
  return zip(names, surveys).reduce(into: [:]) {
    $0["\($1.0)(content)"] = FileDigest.of($1.1.bytes)
  }
}

/// - Parameter values: without line breaks.
private func requireAgreement(
  _ values: [String: String], _ group: ProcessGroup, on what: String, remedy: String
) throws {
  let lines = values.map { "\($0.key) \($0.value)" }.sorted()
  let first = try group.broadcast(lines.joined(separator: "\n"), from: 0)
    .split(separator: "\n").map(String.init)
  let different = Set(lines).symmetricDifference(first).compactMap {
    $0.split(separator: " ").first.map(String.init)
  }
  let own = Set(different).sorted().joined(separator: ", ")
  // How much each rank has to say.
  var counts = [Double](repeating: 0, count: group.worldSize)
  counts[group.rank] = Double(own.utf8.count)
  counts = try group.sums(counts)
  guard let rank = counts.firstIndex(where: { $0 > 0 }) else { return }
  let keys = try group.broadcast(own, from: rank)
  throw TuneError(
    .worker, "\(what) of rank \(rank) is not that of rank 0: \(keys) differs", remedy: remedy)
}

extension ProcessGroup {
  /// The text of rank `root` on every rank.
  fileprivate func broadcast(_ text: String, from root: Int) throws -> String {
    let bytes = Array(text.utf8)
    let count = Int(try sums([rank == root ? Double(bytes.count) : 0])[0])
    guard count > 0 else { return "" }
    let tensor = Tensor.zeros([count], .uint8)
    if rank == root {
      tensor.withMutableBytes { target in bytes.withUnsafeBytes { target.copyMemory(from: $0) } }
    }
    try broadcast(tensor, from: root).wait()
    return tensor.withBytes { String(decoding: $0, as: UTF8.self) }
  }
}
