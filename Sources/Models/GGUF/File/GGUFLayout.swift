// Where each tensor of a GGUF file lies, and the head that says so: magic, version 3, key-values, tensor
// infos, all little-endian; then the tensors, each at a multiple of 32. Layout: the GGUF specification.
import Essentials

/// A value of a GGUF file that is written.
package enum GGUFValue: Sendable, Equatable {
  case integer(UInt32)
  case number(Float)
  case bool(Bool)
  case string(String)
  case integers([Int32])
  case numbers([Float])
  case bools([Bool])
  case strings([String])
}

package struct GGUFLayout: Sendable {
  package struct Entry: Sendable {
    package var name: String
    package var type: ElementType
    /// Outermost first, in whole blocks.
    package var shape: [Int]
    package init(name: String, type: ElementType, shape: [Int]) {
      (self.name, self.type, self.shape) = (name, type, shape)
    }
    package var byteCount: Int {
      shape.reduce(1, *) / type.blockSize * type.blockByteCount
    }
  }

  package let header: [UInt8]
  /// Where each entry's bytes start in the file, in the order of the entries.
  package let offsets: [Int]
  /// Of the whole file.
  package let byteCount: Int

  private static let alignment = 32

  /// Names and keys must differ; that is the caller's care.
  package init(_ values: [(key: String, value: GGUFValue)], _ entries: [Entry]) {
    var bytes = HeaderBytes()
    bytes.add(UInt32(0x4655_4747))
    bytes.add(UInt32(3))
    bytes.add(UInt64(entries.count))
    bytes.add(UInt64(values.count))
    for (key, value) in values {
      bytes.add(key)
      bytes.add(value)
    }
    var (offset, starts) = (0, [Int]())
    for entry in entries {
      starts.append(offset)
      bytes.add(entry.name)
      bytes.add(UInt32(entry.shape.count))
      for size in entry.shape.reversed() { bytes.add(UInt64(size)) }
      bytes.add(entry.type.rawValue)
      bytes.add(UInt64(offset))
      offset = Self.aligned(offset + entry.byteCount)
    }
    bytes.pad(to: Self.aligned(bytes.all.count))
    header = bytes.all
    offsets = starts.map { [count = bytes.all.count] in $0 + count }
    byteCount = header.count + offset
  }

  private static func aligned(_ count: Int) -> Int {
    (count + alignment - 1) / alignment * alignment
  }
}

private struct HeaderBytes {
  private(set) var all: [UInt8] = []

  mutating func add<T: FixedWidthInteger>(_ value: T) {
    withUnsafeBytes(of: value.littleEndian) { all.append(contentsOf: $0) }
  }
  mutating func add(_ text: String) {
    add(UInt64(text.utf8.count))
    all.append(contentsOf: text.utf8)
  }
  mutating func pad(to count: Int) {
    all.append(contentsOf: repeatElement(0, count: count - all.count))
  }

  mutating func add(_ value: GGUFValue) {
    switch value {
    case .integer(let number):
      add(UInt32(4))
      add(number)
    case .number(let number):
      add(UInt32(6))
      add(number.bitPattern)
    case .bool(let flag):
      add(UInt32(7))
      add(UInt8(flag ? 1 : 0))
    case .string(let text):
      add(UInt32(8))
      add(text)
    case .integers(let list): addList(5, list) { $0.add($1) }
    case .numbers(let list): addList(6, list) { $0.add($1.bitPattern) }
    case .bools(let list): addList(7, list) { $0.add(UInt8($1 ? 1 : 0)) }
    case .strings(let list): addList(8, list) { $0.add($1) }
    }
  }

  private mutating func addList<T>(
    _ kind: UInt32, _ list: [T], _ add: (inout HeaderBytes, T) -> Void
  ) {
    self.add(UInt32(9))
    self.add(kind)
    self.add(UInt64(list.count))
    for element in list { add(&self, element) }
  }
}
