// `tune export` and `tune verify` in the worker: a model folder written in another runtime's container, and
// such an artifact compared with the folder.
import Checkpoints
import Essentials
import Exports
import Foundation
import Launching
import Quantization
import Tensors
import WeightFiles

/// - Returns: the exit code.
/// - Throws: `TuneError`.
package func work(on call: ArtifactCall) throws -> Int32 {
  RunInterruption.handle()
  RunInterruption.say("Nothing was written.")
  TorchFailure.whenItHappens { failure in
    StandardStreams.error("error: \(failure)\n")
    _exit(failure.exitCode)
  }
  try InstructionSet.check()
  Devices.configureProcess()
  switch call {
  case .export(let call): return try export(call)
  case .verify(let call): return try verify(call)
  case .importing(let call): return try importFolder(call)
  }
}

private func export(_ call: ArtifactCall.Export) throws -> Int32 {
  guard let format = ExportFormatName(rawValue: call.format) else {
    throw TuneError(
      .usage, "unknown format '\(call.format)'",
      remedy: "Supported are: \(ExportFormatName.list).")
  }
  let model = try ExportModel(try ModelFolder(path: call.folder), plan: plan(named: call.scheme))
  if let remark = model.folder.remarkOnLinks { StandardStreams.error("WARNING: \(remark)\n") }
  let work = try Export(model, as: format, allowsInexact: call.allowsInexact)
  StandardStreams.output(try write(work, to: call.output, format))
  return 0
}

private func plan(named name: String?) throws -> QuantizationPlan? {
  guard let name else { return nil }
  guard let preset = QuantizationPreset(rawValue: name) else {
    throw TuneError(.usage, "unknown scheme '\(name)'")
  }
  return preset.plan()
}

/// With a progress bar.
/// - Returns: what was written, for people.
func write(
  _ work: Export, to output: String, _ format: ExportFormatName, replaces: Bool = false
) throws -> String {
  let megabyte = 1_000_000
  let bar = ProgressBar(
    label: "exporting", total: max(1, work.byteCount / megabyte), unit: "MB")
  defer { bar.finish() }
  var bytes = 0
  let started = DispatchTime.now().uptimeNanoseconds
  let report = try work.write(to: output, replaces: replaces) { count in
    bytes += count
    bar.move(to: bytes / megabyte, of: max(1, work.byteCount / megabyte))
  }
  bar.finish()
  let seconds = Double(DispatchTime.now().uptimeNanoseconds - started) / 1e9
  return text(of: report, output, format, seconds)
}

private func text(
  of report: Export.Report, _ output: String, _ format: ExportFormatName, _ seconds: Double
) -> String {
  var text = "Wrote \(output): \(format.rawValue), \(report.quantized) quantized of "
  text += "\(report.tensors) tensors, \(byteText(report.byteCount)) in "
  text += ProgressBar.duration(seconds) + "\n"
  if report.changes.isEmpty {
    text += "  All codes and scales are those of training.\n"
  } else {
    let scales = report.changes.reduce(0) { $0 + $1.scales }
    let largest = report.changes.map(\.largest).max() ?? 0
    text += "  Codes are those of training. \(scales) scales of \(report.changes.count) tensors "
    text += "were rounded, by at most \(decimal(largest * 100, 3)) %:\n"
    for change in report.changes.prefix(5) {
      text += "    \(change.tensor): \(change.scales) scales, at most "
      text += "\(decimal(change.largest * 100, 3)) %\n"
    }
    if report.changes.count > 5 { text += "    and \(report.changes.count - 5) more tensors\n" }
  }
  for remark in report.remarks { text += "  Note: \(remark).\n" }
  return text
}

private func importFolder(_ call: ArtifactCall.Import) throws -> Int32 {
  guard let dtype = DType(torchName: call.dtype), dtype.isFloatingPoint else {
    throw TuneError(.usage, "unknown dtype '\(call.dtype)'")
  }
  let work = try ArtifactImport(call.artifact, dtype: dtype)
  let megabyte = 1_000_000
  let total = max(1, work.byteCount / megabyte)
  let bar = ProgressBar(label: "importing", total: total, unit: "MB")
  defer { bar.finish() }
  var bytes = 0
  try work.write(to: call.output) { count in
    bytes += count
    bar.move(to: bytes / megabyte, of: total)
  }
  bar.finish()
  let millions = decimal(Double(work.parameterCount) / 1e6, 1)
  StandardStreams.output(
    "Read \(work.format.rawValue) with \(millions) M parameters\nWrote \(call.output): "
      + "\(call.dtype), \(byteText(work.byteCount))\n")
  return 0
}

private func verify(_ call: ArtifactCall.Verify) throws -> Int32 {
  RunInterruption.say("")
  let model = try ExportModel(try ModelFolder(path: call.folder), plan: plan(named: call.scheme))
  var verification = try Verification(artifact: call.artifact, against: model)
  let million = 1_000_000
  let total = max(1, verification.weightCount / million)
  let bar = ProgressBar(label: "comparing", total: total, unit: "M weights")
  defer { bar.finish() }
  var weights = 0
  let comparison = try verification.run { count in
    weights += count
    bar.move(to: weights / million, of: total)
  }
  bar.finish()
  StandardStreams.output(comparison.table)
  let name = verification.format.rawValue
  StandardStreams.output(
    comparison.isSame
      ? "\(call.artifact) (\(name)) holds what \(call.folder) holds.\n"
      : "\(call.artifact) (\(name)) differs from \(call.folder).\n")
  return comparison.isSame ? 0 : 1
}
