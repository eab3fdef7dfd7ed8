// What a pickle of tensors is made of. Containers are numbers into the machine's tables, so that a
// file can build rings and towers of them without our following references.
import Tensors

enum PickleValue: Sendable {
  case none
  case bool(Bool)
  case integer(Int)
  case double(Double)
  case text(String)
  /// Into `PickleMachine.sequences`: a tuple or a list.
  case tuple(Int)
  case list(Int)
  /// Into `PickleMachine.maps`.
  case map(Int)
  case global(PickleGlobal)
  case storage(TorchStorage)
  case tensor(TorchTensor)

  var integer: Int? { if case .integer(let value) = self { value } else { nil } }
  var text: String? { if case .text(let value) = self { value } else { nil } }
}

/// The only things that a file may ask for by name; whatever else is never looked up.
enum PickleGlobal: Sendable, Equatable {
  case orderedMap
  case rebuildTensor
  case rebuildParameter
  case storage(DType)

  init?(module: String, name: String) {
    switch (module, name) {
    case ("collections", "OrderedDict"): self = .orderedMap
    case ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensor
    case ("torch._utils", "_rebuild_parameter"): self = .rebuildParameter
    case ("torch", let name):
      guard let dtype = Self.storages[name] else { return nil }
      self = .storage(dtype)
    default: return nil
    }
  }

  static let storages: [String: DType] = [
    "FloatStorage": .float32, "DoubleStorage": .float64, "HalfStorage": .float16,
    "BFloat16Storage": .bfloat16, "ByteStorage": .uint8, "CharStorage": .int8,
    "ShortStorage": .int16, "IntStorage": .int32, "LongStorage": .int64, "BoolStorage": .bool,
  ]
}

/// A stretch of numbers in a record of the archive, as the pickle claims it.
struct TorchStorage: Sendable {
  var key: String
  var dtype: DType
  var count: Int
}

/// A view of a storage, as the pickle claims it; sizes and strides are not negative.
struct TorchTensor: Sendable {
  var storage: TorchStorage
  var offset: Int
  var shape: [Int]
  var strides: [Int]
}
