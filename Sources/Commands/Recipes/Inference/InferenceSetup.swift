// What quantization, evaluation and generation begin with: one process, the device, the checkpoint
// and a model of it.
import Catalog
import Checkpoints
import Configuration
import Essentials
import Foundation
import Inference
import Launching
import Layers
import Quantization
import Tensors

/// - Throws: when this is one of several processes: the recipe would do everything in each.
package func refuseSeveralProcesses(_ recipe: RecipeName, _ environment: WorkerEnvironment) throws {
  guard environment.worldSize > 1 else { return }
  throw TuneError(
    .usage,
    "the recipe '\(recipe.rawValue)' runs in one process, but WORLD_SIZE is "
      + "\(environment.worldSize)",
    remedy: "Start it without --nproc_per_node and --nnodes, and with WORLD_SIZE unset.")
}

/// The checkpoint as a model for inference, with a bar while it is read.
package func inferenceModel(from root: Section, log: RecipeLog) throws -> InferenceModel {
  let device = try device(from: root)
  let configuration = try decoderConfiguration(from: root)
  let folder = try modelFolder(
    from: root[Keys.checkpointer], for: configuration, log: log)
  let plan = root[Keys.quantizer].map(quantizationPlan)
  let dtype = dtype(from: root)
  let total = configuration.specification.all.count
  let bar = ProgressBar(label: "loading", total: total, unit: "tensors")
  defer { bar.finish() }
  let model = try locatingErrors(in: root) {
    try InferenceModel(
      loading: folder, configuration, dtype: dtype, on: device, plan: plan
    ) { _, _ in bar.advance() }
  }
  bar.finish()
  let numerics =
    if let stored = folder.quantization {
      "quantized with \(stored.summary)"
    } else if let plan {
      "quantized on loading with \(plan.summary)"
    } else {
      "not quantized"
    }
  log.info(
    "loaded \(folder.path) in \(root[Keys.dtype]) on \(device): \(numerics), "
      + byteText(model.byteCount))
  return model
}

/// 4.21 GB; powers of ten, as torchtune prints them.
package func byteText(_ bytes: Int) -> String {
  let value = Double(bytes)
  return switch value {
  case 1e9...: "\(decimal(value / 1e9, 2)) GB"
  case 1e6...: "\(decimal(value / 1e6, 2)) MB"
  case 1e3...: "\(decimal(value / 1e3, 2)) kB"
  default: "\(bytes) B"
  }
}

package func decimal(_ value: Double, _ digits: Int) -> String {
  String(format: "%.\(digits)f", value)
}
