// Tensors over libtorch: a value that shares its storage with its views. Every operation makes a
// new tensor, except those whose name ends in "InPlace" or starts with "copy", "fill": these write
// into the storage that all views share, and are kept for optimizers and communication buffers.
//
// What libtorch refuses ends the process: see TorchFailure.
import CTorch
import Essentials

package enum DType: Int32, Sendable, CaseIterable {
  case uint8 = 0
  case int8 = 1
  case int16 = 2
  case int32 = 3
  case int64 = 4
  case float16 = 5
  case float32 = 6
  case float64 = 7
  case bool = 11
  case bfloat16 = 15

  package var byteCount: Int {
    switch self {
    case .uint8, .int8, .bool: 1
    case .int16, .float16, .bfloat16: 2
    case .int32, .float32: 4
    case .int64, .float64: 8
    }
  }
  package var isFloatingPoint: Bool {
    switch self {
    case .float16, .float32, .float64, .bfloat16: true
    default: false
    }
  }
}

package enum Device: Sendable, Equatable, CustomStringConvertible {
  case cpu
  case cuda(Int)

  /// libtorch_cuda's number; -1 is the CPU.
  package var index: Int32 {
    switch self {
    case .cpu: -1
    case .cuda(let i): Int32(i)
    }
  }
  package init(index: Int32) { self = index < 0 ? .cpu : .cuda(Int(index)) }
  package var description: String {
    switch self {
    case .cpu: "cpu"
    case .cuda(let i): "cuda:\(i)"
    }
  }
}

/// Holds one reference to a libtorch tensor; ARC releases it.
final class TensorHandle: @unchecked Sendable {
  let raw: ct_tensor
  init(_ raw: ct_tensor) { self.raw = raw }
  deinit { ct_release(raw) }
}

package struct Tensor: @unchecked Sendable {
  let handle: TensorHandle
  package var raw: ct_tensor { handle.raw }

  /// Takes over a reference from the bridge.
  package init(owning raw: ct_tensor) { handle = TensorHandle(raw) }

  package var rank: Int { Int(ct_dim(raw)) }
  package var shape: [Int] {
    let rank = self.rank
    return [Int64](unsafeUninitializedCapacity: rank) { buffer, count in
      if let base = buffer.baseAddress { ct_sizes(raw, base) }
      count = rank
    }.map(Int.init)
  }
  package var count: Int { Int(ct_numel(raw)) }
  package var dtype: DType {
    guard let dtype = DType(rawValue: ct_dtype_of(raw)) else {
      preconditionFailure("a tensor of a dtype that this project does not use")
    }
    return dtype
  }
  package var device: Device { Device(index: ct_device_of(raw)) }
  package var isContiguous: Bool { ct_is_contiguous(raw) }
  package var byteCount: Int { count * dtype.byteCount }
}

/// libtorch's message for the call that just failed on this thread.
package func lastTorchError() -> String { String(cString: ct_last_error()) }

/// The result of a bridge call that only a mistake of ours, or want of memory, can fail.
@inline(__always)
func made(_ raw: ct_tensor?, _ file: StaticString = #fileID, _ line: UInt = #line) -> Tensor {
  guard let raw else { TorchFailure.end(file, line) }
  return Tensor(owning: raw)
}
@inline(__always)
func done(_ ok: Bool, _ file: StaticString, _ line: UInt) {
  if !ok { TorchFailure.end(file, line) }
}
func sizes(_ shape: [Int]) -> [Int64] { shape.map(Int64.init) }
