// Where the tensors of a saved run are read from: one file, or the files of the processes that wrote it.
import Essentials
import Layers
import Tensors
import WeightFiles

/// Named tensors and strings.
package protocol SavedTensors: AnyObject {
  /// For messages.
  var path: String { get }
  var metadata: [String: String] { get }
  var names: [String] { get }
  func shape(of name: String) -> [Int]?
  func dtype(of name: String) -> DType?
  func tensor(named name: String) throws -> Tensor
}
extension SafetensorsFile: SavedTensors {}

/// The weights that training starts from, row by row.
package protocol WeightSource {
  /// For messages.
  var path: String { get }
  /// - Throws: `TuneError` `.checkpointMismatch` for a model that these are not the weights of.
  func check(against decoder: DecoderConfiguration) throws
  /// Some of a parameter's rows, in the dtype that they are stored in.
  func rows(_ specification: ParameterSpecification, _ rows: Range<Int>) throws -> Tensor
  /// Gives back the memory of what was read.
  func releasePages()
}
extension ModelFolder: WeightSource {}

extension WeightSource {
  /// - Parameter values: all of a parameter of these weights, or some of its rows, as they were read.
  /// - Throws: `TuneError` `.nonFinite` that names the parameter where one of them is not finite.
  package func requireFinite(_ values: Tensor, of parameter: ParameterSpecification) throws {
    guard !values.sumOfSquares.isFinite else { return }
    throw TuneError(
      .nonFinite, "the checkpoint's '\(parameter.name)' has values that are not finite",
      remedy: "The run that wrote the checkpoint diverged, or the file is damaged: use another "
        + "checkpoint.", at: .init(file: path))
  }
}
