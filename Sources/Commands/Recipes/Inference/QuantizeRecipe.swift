// `tune run quantize`: a checkpoint, plain or out of quantization-aware training, becomes a folder of
// codes and scales in the layout that every other recipe reads. A QAT quantizer stands for its
// scheme: what was trained for is what is written.
import Catalog
import Checkpoints
import Configuration
import Essentials
import Exports
import Foundation
import Inference
import Launching
import Layers
import Quantization
import Tensors

package func runQuantize(_ configuration: ValidatedConfiguration, _ environment: WorkerEnvironment)
  throws
{
  try refuseSeveralProcesses(.quantize, environment)
  Devices.configureProcess()
  let root = configuration.root
  let log = RecipeLog(root)
  let decoder = try decoderConfiguration(from: root)
  let checkpointer = root[Keys.checkpointer]
  guard let quantizer = root[Keys.quantizer] else {
    preconditionFailure("the schema lets through no quantizer")
  }
  let dtype = dtype(from: root)
  let work = FolderQuantization(
    try modelFolder(from: checkpointer, for: decoder, log: log), decoder,
    plan: quantizationPlan(from: quantizer), dtype: dtype,
    on: try device(from: root))
  let output = checkpointer[Keys.Checkpointer.outputFolder]

  if work.source.dtype != dtype {
    log.warning(
      "the checkpoint is stored in \(work.source.dtype), and is quantized in \(dtype): codes are "
        + "those of training only where both agree")
  }
  if let remark = work.source.remarkOnLinks { log.warning(remark) }
  try locatingErrors(in: quantizer) { try work.check() }
  try refuseFile(at: output, checkpointer, Keys.Checkpointer.outputFolder)
  let lock = try OutputLock((checkpointer, Keys.Checkpointer.outputFolder))
  defer { lock.release() }
  if !work.skippedLayers.isEmpty {
    log.warning(
      "\(work.skippedLayers.count) layers stay as they are, because their input width does not fit "
        + "\(work.plan.layers.summary): "
        + nameSummary(work.skippedLayers.map(\.name)))
  }
  let exports = root[Keys.exports].compactMap(ExportFormatName.init)
  try checkExports(exports, of: work)
  let bar = ProgressBar(
    label: "quantizing", total: decoder.specification.all.count, unit: "tensors")
  defer { bar.finish() }
  let size = try locatingErrors(in: checkpointer) {
    try work.write(to: output) { name, _, _ in bar.advance(note: name) }
  }
  bar.finish()
  StandardStreams.output(report(work, size, output))
  for format in exports {
    let model = try ExportModel(ModelFolder(path: output))
    let place = output + "/exports/" + (format == .gguf ? "model.gguf" : format.rawValue)
    StandardStreams.output(
      try write(Export(model, as: format), to: place, format, replaces: true))
  }
}

/// What a format cannot hold is refused before the model is quantized.
private func checkExports(_ formats: [ExportFormatName], of work: FolderQuantization) throws {
  guard !formats.isEmpty else { return }
  do {
    let model = try ExportModel(work.source, plan: work.plan)
    for format in formats { _ = try Export(model, as: format) }
  } catch var error as TuneError {
    if error.location.key == nil { error.location.key = Keys.exports.name }
    throw error
  }
}

/// Sizes before and after, for people.
private func report(_ work: FolderQuantization, _ size: ModelSizeReport, _ output: String) -> String
{
  let weights = size.quantizedCount
  let quantized = size.codeBytes + size.scaleBytes
  let total = quantized + size.plainBytes
  func line(_ name: String, _ value: String, _ remark: String = "") -> String {
    let left = "  " + name.padding(toLength: 18, withPad: " ", startingAt: 0)
    let padded = String(repeating: " ", count: max(0, 10 - value.count)) + value
    return left + padded + (remark.isEmpty ? "" : "   " + remark) + "\n"
  }
  return """
    Quantized \(size.quantizedLayers.count) \(work.plan.embedding == nil ? "linear layers" : "layers") \
    to \(work.plan.summary)
    \(line("float", byteText(size.floatBytes), "all parameters in \(work.dtype)"))\
    \(line(
        "quantized", byteText(total),
        "codes \(byteText(size.codeBytes)), scales \(byteText(size.scaleBytes)), "
          + "the rest \(byteText(size.plainBytes))"))\
    \(line("ratio", decimal(Double(size.floatBytes) / Double(total), 2)))\
    \(line("bits per weight", decimal(Double(quantized * 8) / Double(weights), 2), "of these layers"))\
    \(line("files", byteText(size.fileBytes), output))
    """
}
