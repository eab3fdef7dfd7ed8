// The element types that safetensors files name. All known ones are understood when a file is
// checked; those that tensors here can have are read and written.
import Tensors

package enum SafetensorsType {
  /// Bits of an element, or nil for a name that the format does not know.
  static func bits(of name: String) -> Int? {
    if let dtype = dtype(named: name) { return dtype.byteCount * 8 }
    return switch name {
    case "F4": 4
    case "F6_E2M3", "F6_E3M2": 6
    case "F8_E4M3", "F8_E5M2", "F8_E8M0": 8
    case "U16": 16
    case "U32": 32
    case "U64", "C64": 64
    default: nil
    }
  }

  package static func dtype(named name: String) -> DType? {
    DType.allCases.first { self.name(of: $0) == name }
  }

  package static func name(of dtype: DType) -> String {
    switch dtype {
    case .uint8: "U8"
    case .int8: "I8"
    case .int16: "I16"
    case .int32: "I32"
    case .int64: "I64"
    case .float16: "F16"
    case .float32: "F32"
    case .float64: "F64"
    case .bool: "BOOL"
    case .bfloat16: "BF16"
    }
  }
}

extension DType {
  /// The name in configurations and in `config.json`.
  package var torchName: String {
    switch self {
    case .bool: "bool"
    case .uint8: "uint8"
    case .int8: "int8"
    case .int16: "int16"
    case .int32: "int32"
    case .int64: "int64"
    case .float16: "float16"
    case .float32: "float32"
    case .float64: "float64"
    case .bfloat16: "bfloat16"
    }
  }
  package init?(torchName: String) {
    guard let found = DType.allCases.first(where: { $0.torchName == torchName }) else { return nil }
    self = found
  }
}
