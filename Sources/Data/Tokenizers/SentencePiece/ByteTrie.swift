// A prefix tree over byte strings: which of them begin at a place in a text. The children of a node
// lie side by side in the order of their bytes, so it takes no more nodes than the strings have
// bytes, whatever they are.

struct ByteTrie: Sendable {
  fileprivate struct Node {
    var label: UInt8 = 0
    var childCount: UInt16 = 0
    var firstChild: Int32 = 0
    /// Negative where no string ends.
    var value: Int32 = -1
  }
  private var nodes = [Node()]

  var isEmpty: Bool { nodes.count == 1 }

  /// Values must not be negative. Of equal keys, one counts.
  init(_ entries: [(key: [UInt8], value: Int32)]) {
    let sorted = entries.filter { !$0.key.isEmpty }
      .sorted { $0.key.lexicographicallyPrecedes($1.key) }
    var level = [(range: 0..<sorted.count, node: 0)]
    var depth = 0
    while !level.isEmpty {
      var nextLevel: [(range: Range<Int>, node: Int)] = []
      for (range, node) in level {
        nodes[node].firstChild = Int32(nodes.count)
        var start = range.lowerBound
        while start < range.upperBound {
          let label = sorted[start].key[depth]
          var end = start + 1
          while end < range.upperBound, sorted[end].key[depth] == label { end += 1 }
          let child = nodes.count
          nodes.append(Node(label: label))
          nodes[node].childCount += 1
          while start < end, sorted[start].key.count == depth + 1 {
            nodes[child].value = sorted[start].value
            start += 1
          }
          if start < end { nextLevel.append((start..<end, child)) }
          start = end
        }
      }
      level = nextLevel
      depth += 1
    }
  }

  /// The tree for many look-ups in a row, which then count no references.
  struct View {
    fileprivate let nodes: UnsafeBufferPointer<Node>

    /// Visits every string that begins at `start`, the shortest first, with its end and value.
    @inline(__always)
    func forEachMatch(
      in text: UnsafeBufferPointer<UInt8>, from start: Int, _ body: (_ end: Int, Int32) -> Void
    ) {
      var (node, position) = (0, start)
      while position < text.count, let next = child(of: node, text[position]) {
        node = next
        position += 1
        if nodes[node].value >= 0 { body(position, nodes[node].value) }
      }
    }

    @inline(__always)
    private func child(of node: Int, _ label: UInt8) -> Int? {
      var low = Int(nodes[node].firstChild)
      let end = low + Int(nodes[node].childCount)
      var high = end
      while low < high {
        let middle = (low + high) / 2
        if nodes[middle].label < label { low = middle + 1 } else { high = middle }
      }
      return low < end && nodes[low].label == label ? low : nil
    }
  }

  @inline(__always)
  func withView<Result>(_ body: (View) throws -> Result) rethrows -> Result {
    try nodes.withUnsafeBufferPointer { try body(View(nodes: $0)) }
  }

  func longestMatch(
    in text: UnsafeBufferPointer<UInt8>, from start: Int
  ) -> (end: Int, value: Int32)? {
    var found: (Int, Int32)?
    withView { $0.forEachMatch(in: text, from: start) { found = ($0, $1) } }
    return found
  }

  /// Whether a string begins with this byte.
  func begins(with byte: UInt8) -> Bool {
    let children = Int(nodes[0].firstChild)..<Int(nodes[0].firstChild) + Int(nodes[0].childCount)
    return nodes[children].contains { $0.label == byte }
  }
}
