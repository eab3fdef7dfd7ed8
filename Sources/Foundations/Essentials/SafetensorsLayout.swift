// Where each tensor of a safetensors file lies, and the header that says so: u64 length, JSON of that
// length, then the tensors' bytes without gaps. Also for rooms that know no tensors.

package struct SafetensorsLayout: Sendable {
  package struct Entry: Sendable {
    package var name: String
    /// As the format names it: `F32`, `BF16`.
    package var type: String
    package var shape: [Int]
    package var byteCount: Int
    package init(name: String, type: String, shape: [Int], byteCount: Int) {
      self.name = name
      self.type = type
      self.shape = shape
      self.byteCount = byteCount
    }
  }

  /// With its length before it.
  package let header: [UInt8]
  /// Where each entry's bytes start in the file, in the order of the entries.
  package let offsets: [Int]
  /// Of the whole file.
  package let byteCount: Int

  /// Names must differ; that is the caller's care.
  package init(_ entries: [Entry], metadata: [String: String] = [:]) {
    var object = JSONObject()
    if !metadata.isEmpty {
      var pairs = JSONObject()
      for (key, value) in metadata.sorted(by: { $0.key < $1.key }) { pairs[key] = .string(value) }
      object["__metadata__"] = .object(pairs)
    }
    var (offset, starts) = (0, [Int]())
    for entry in entries {
      starts.append(offset)
      let end = offset + entry.byteCount
      object[entry.name] = .object([
        "dtype": .string(entry.type), "shape": .array(entry.shape.map { .integer($0) }),
        "data_offsets": .array([.integer(offset), .integer(end)]),
      ])
      offset = end
    }
    var text = Array(JSON.object(object).text().utf8)
    // Spaces, so that the first tensor is aligned.
    text += Array(repeating: 0x20, count: (8 - text.count % 8) % 8)
    header = withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text
    offsets = starts.map { [count = header.count] in $0 + count }
    byteCount = header.count + offset
  }
}
