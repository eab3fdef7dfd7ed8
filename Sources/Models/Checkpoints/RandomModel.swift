// A fresh model folder with random weights: the start of a training from scratch. What the seed
// gives does not depend on the number of files.
import Essentials
import Layers
import Tensors

/// transformers' `initializer_range`.
let initialStandardDeviation = 0.02

/// Linear layers and the embedding are drawn from a normal distribution, norms multiply by one, biases are zeros.
/// - Parameter tokenizerFolder: its tokenizer files go along.
package func initializeModelFolder(
  _ path: String, _ configuration: DecoderConfiguration, dtype: DType, seed: UInt64,
  shardCount: Int = 1, copyingTokenizerFrom tokenizerFolder: String? = nil
) throws {
  let parameters = configuration.specification.all
  let writer = try ModelFolderWriter(
    to: path, CheckpointLayout(of: parameters, shardCount: shardCount), parameters,
    StorageRule(dtype: dtype, quantization: nil),
    ModelConfigurationFile(configuration, dtype: dtype, path: path),
    companions: tokenizerFolder.map { try KeptCompanions(of: $0) })
  let generator = RandomGenerator(seed: seed)
  for parameter in parameters {
    let values =
      switch parameter.kind {
      case .norm:
        configuration.choices.addsOneToNorms
          ? Tensor.zeros(parameter.shape) : Tensor.ones(parameter.shape)
      case .bias: Tensor.zeros(parameter.shape)
      case .embedding, .linear:
        generator.normal(parameter.shape, standardDeviation: initialStandardDeviation)
      }
    try writer.write(values, for: parameter)
  }
  try writer.finish()
}
