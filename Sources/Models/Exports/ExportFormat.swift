// An export format: what it refuses, the tensors that a parameter becomes, and the bytes of a weight, there
// and back. Codes and scales go into it as training decided them.
//
// Shapes: `N` outputs, `K` inputs, `g` group size, `R` bytes of a row.
import Essentials
import Tensors

protocol ExportFormat: Sendable {
  var name: ExportFormatName { get }
  /// The scheme to train for this format.
  var advice: String { get }

  /// Why this format cannot hold what is quantized so; nil where it can. Scales are looked at elsewhere.
  func misfit(_ parameter: ExportParameter, of model: ExportModel) -> String?
  /// Other reasons why it cannot hold the model, however that is quantized.
  /// - Throws: `TuneError` `.unsupported`.
  func check(_ model: ExportModel) throws
  /// What scales are rounded to.
  func scaleDType(of model: ExportModel) -> DType
  /// What the runtime computes differently from training, in words.
  func remarks(_ model: ExportModel) -> [String]

  /// Whether rotary rows lie as pairs of neighbours, else as halves of each head.
  func keepsPairs(_ model: ExportModel) -> Bool
  /// Whether a parameter is written in one piece.
  func isWhole(_ parameter: ExportParameter) -> Bool
  /// The tensors that a parameter becomes.
  func entries(_ parameter: ExportParameter, of model: ExportModel) -> [ExportEntry]
  /// The bytes of some rows, uint8 [N, R] for each entry that is not constant, in their order.
  func bytes(_ weight: ExportWeight, of parameter: ExportParameter, _ exactness: Exactness) throws
    -> [Tensor]
  /// The inverse of `bytes`.
  func weight(_ bytes: [Tensor], of parameter: ExportParameter, _ entries: [ExportEntry]) throws
    -> StoredWeight
}

/// A tensor of an exported file.
struct ExportEntry: Sendable, Equatable {
  var name: String
  /// In the container's words: `Q4_0`, `U32`, `BF16`.
  var type: String
  /// Outermost first.
  var shape: [Int]
  var byteCount: Int
  /// The bytes of a tensor that depends on no weight.
  var constant: [UInt8]?

  var rowByteCount: Int { byteCount / max(1, shape.first ?? 1) }
}

/// What a container holds of a parameter: codes and scales, or values.
enum StoredWeight {
  case plain(Tensor)
  /// int8 [N, K], fp32 [N, K/g], and what is added to codes times scales, where the scheme has that
  case codes(Tensor, scales: Tensor, biases: Tensor? = nil)
}

extension ExportFormatName {
  var format: any ExportFormat {
    switch self {
    case .gguf: GGUFFormat()
    case .mlx: MLXFormat()
    case .compressedTensors: CompressedTensorsFormat()
    case .torchao: TorchAOFormat()
    case .gptq: GPTQFormat()
    }
  }
}
