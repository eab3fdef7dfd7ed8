// The containers that quantized models are exported to, by the names that people type.

package enum ExportFormatName: String, CaseIterable, Sendable {
  /// llama.cpp and what is built on it
  case gguf
  /// mlx-lm and mlx-swift-lm
  case mlx
  /// vLLM, transformers
  case compressedTensors = "compressed-tensors"
  /// torchao in transformers
  case torchao
  /// vLLM, SGLang, ONNX Runtime's model builder
  case gptq

  package static var list: String { allCases.map(\.rawValue).joined(separator: ", ") }
}
